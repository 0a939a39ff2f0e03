"""The look of the page: a calm theme in system fonts, and nothing that is fetched from elsewhere."""

from __future__ import annotations

import gradio as gr

from sayo_app.ui.shared.page_files import page_styles, script

_FONT = tuple(
    gr.themes.Font(name) for name in ("system-ui", "Segoe UI", "Roboto", "Helvetica", "Arial", "sans-serif")
)
_MONO = tuple(gr.themes.Font(name) for name in ("ui-monospace", "SF Mono", "Consolas", "monospace"))


def theme() -> gr.themes.Base:
    return gr.themes.Base(
        primary_hue="indigo",
        secondary_hue="indigo",
        neutral_hue="slate",
        font=_FONT,
        font_mono=_MONO,
        radius_size="md",
    ).set(
        body_background_fill="*neutral_50",
        body_text_color_subdued="*neutral_500",
        block_background_fill="white",
        block_border_width="1px",
        block_shadow="none",
        block_label_text_weight="500",
        block_title_text_weight="500",
        layout_gap="10px",
        button_border_width="1px",
        button_large_padding="8px 16px",
        button_large_text_size="*text_md",
        button_large_text_weight="500",
        button_small_padding="6px 12px",
        button_small_text_weight="500",
        button_primary_border_color="*primary_600",
        button_primary_background_fill="*primary_600",
        button_primary_background_fill_hover="*primary_700",
        button_primary_text_color="white",
        button_secondary_background_fill="white",
        button_secondary_background_fill_hover="*neutral_100",
        button_secondary_border_color="*neutral_300",
        button_cancel_background_fill="white",
        button_cancel_background_fill_hover="#fdecee",
        button_cancel_text_color="#b3283a",
        button_cancel_text_color_hover="#b3283a",
        button_cancel_border_color="#e5b5bb",
        button_cancel_border_color_hover="#c4384a",
        input_background_fill="white",
        input_border_width="1px",
        input_border_color="*neutral_300",
        section_header_text_weight="600",
    )


def head() -> str:
    """Our style sheets and our script, for the head of the page: it runs before any component's own line."""
    meta = '<meta name="color-scheme" content="light dark">'
    return f"<style>{page_styles()}</style><script>{script()}</script>{meta}"
