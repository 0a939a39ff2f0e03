"""The adapters of the Compare tab: rename, delete, take away as a file, bring in from elsewhere."""

from __future__ import annotations

from pathlib import Path
from typing import Any, NamedTuple

import gradio as gr

from sayo_app.errors import AdapterError
from sayo_app.ui.shared.downloads import Download, export_folder, file_stem
from sayo_app.ui.shared.handlers import ON_FILES, ON_MODEL, PRIVATE, does, guarded, needs, say, typed
from sayo_app.ui.shared.studio import Studio


class _Parts(NamedTuple):
    name: gr.Textbox
    rename: gr.Button
    delete: gr.Button
    export: gr.Button
    load: gr.UploadButton
    download: Download


def build(studio: Studio, chosen: gr.Dropdown, changed: gr.State) -> None:
    """Lay out the panel below the switch and wire it; it acts on the adapter chosen there.

    Args:
        changed: counts changes of the store; the tab draws itself anew when it does.
    """
    parts = _lay_out()

    @does("adapters.rename")
    @guarded
    def on_rename(chosen: int, name: str | None, changed: int) -> Any:
        record = studio.store.adapters.rename(_chosen(chosen), typed(name))
        say(f"It is now called {record.name}.")
        return changed + 1

    @does("adapters.delete")
    @guarded
    def on_delete(chosen: int, changed: int) -> Any:
        studio.store.adapters.delete(_chosen(chosen))
        say("The adapter is deleted.")
        return changed + 1

    @does("adapters.export")
    @guarded
    def on_export(chosen: int) -> str:
        return str(_packed(studio, _chosen(chosen)))

    @does("adapters.import")
    @guarded
    def on_load(paths: list[str] | None, name: str | None, changed: int) -> Any:
        record = studio.import_adapter([Path(path) for path in paths or []], typed(name) or "from elsewhere")
        say(f"{record.name} can now be compared and switched on.")
        return changed + 1

    parts.rename.click(on_rename, [chosen, parts.name, changed], changed, **PRIVATE)
    parts.delete.click(on_delete, [chosen, changed], changed, **PRIVATE)
    parts.download.follow(parts.export.click(on_export, chosen, parts.download.component, **ON_FILES))
    parts.load.upload(on_load, [parts.load, parts.name, changed], changed, **ON_MODEL)


def _lay_out() -> _Parts:
    with gr.Accordion(
        "Manage adapters", open=False, elem_id="adapters", elem_classes=needs("adapters.export")
    ):
        with gr.Row(elem_classes="tight", equal_height=False):
            name = gr.Textbox(label="Name", elem_id="adapter-name", max_lines=1, min_width=200)
            rename = gr.Button("Rename the chosen one", elem_id="adapter-rename", scale=0, min_width=180)
            delete = gr.Button("Delete it", variant="stop", elem_id="adapter-delete", scale=0, min_width=110)
            export = gr.Button("Export as .zip", elem_id="adapter-export", scale=0, min_width=140)
            load = gr.UploadButton(
                "Load from elsewhere",
                file_count="multiple",
                type="filepath",
                file_types=[".zip", ".safetensors", ".json", ".md"],
                elem_id="adapter-load",
                scale=0,
                min_width=180,
            )
        gr.Markdown(
            "From elsewhere: the zip of an export, or the files `adapter_config.json` and "
            "`adapter_model.safetensors` of PEFT's folder together.",
            elem_classes="hint",
        )
        download = Download("adapter-file")
    return _Parts(name, rename, delete, export, load, download)


def _chosen(adapter_id: int) -> int:
    """Raises AdapterError for the base model."""
    if not adapter_id:
        raise AdapterError(
            expected="an adapter", got="the base model", remedy="Choose an adapter in the list above."
        )
    return adapter_id


def _packed(studio: Studio, adapter_id: int) -> Path:
    from sayo_app.mllm.models.adapter_files import pack_adapter

    record = studio.store.adapters.get(adapter_id)
    path = export_folder(studio.settings) / f"{file_stem(record.name, 'adapter')}.zip"
    pack_adapter(record.path, path)
    studio.store.audit.note("adapters.export", f"adapter {record.id}")
    return path
