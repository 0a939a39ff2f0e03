/* The boxes as a list, and how well the attention agrees with them. */
(() => {
  const sayo = (window.sayo ??= {});
  const { el } = sayo;

  sayo.fillRegions = (viewer) => {
    const { regions: root } = viewer.parts;
    const { regions = [], selected, past, future } = viewer.editor || {};
    if (viewer.parts.undo) {
      viewer.parts.undo.disabled = !past?.length;
      viewer.parts.redo.disabled = !future?.length;
    }
    root.replaceChildren();
    regions.forEach((region, index) => {
      const item = el("li", index === selected ? "sv-region is-selected" : "sv-region");
      const [x0, y0, x1, y1] = region.box_xyxy.map(Math.round);
      const name = sayo.testId(sayo.button("sv-regionname", `Box ${index + 1}`, "Select this box", () => viewer.editor.select(index)), `region-${index}`);
      item.append(name, el("span", "sv-coordinates", `x ${x0}–${x1}, y ${y0}–${y1}`));
      if (viewer.options.editable) {
        item.append(stepChoice(viewer, region, index));
        item.append(sayo.testId(sayo.button("sv-tool", "✕", "Delete this box (Delete)", () => viewer.editor.remove(index)), `remove-${index}`));
      } else if (region.step !== null && viewer.steps[region.step]) item.append(el("span", "", sayo.stepName(viewer, region.step)));
      root.append(item);
    });
  };

  const stepChoice = (viewer, region, index) => {
    const options = viewer.steps.map((step, i) => ({ value: String(i), label: `${sayo.stepName(viewer, i)}: ${step.text.trim().slice(0, 40)}` }));
    // A box can belong to a step that this answer does not have; it keeps it.
    if (region.step !== null && !viewer.steps[region.step]) options.push({ value: String(region.step), label: `Step ${region.step + 1}` });
    const choice = sayo.choice(`region-step-${index}`, "What this box holds for", [{ value: "", label: "whole answer" }, ...options], (value) =>
      viewer.editor.setStep(index, value === "" ? null : Number(value)),
    );
    choice.value = region.step === null ? "" : String(region.step);
    return choice;
  };

  // ---- figures

  const shown = (value, unit) => {
    if (value === null || value === undefined) return "–";
    if (unit === "share") return `${Math.round(100 * value)} %`;
    if (unit === "flag") return value ? "hit" : "miss";
    return value.toFixed(2).replace("-", "−");
  };

  sayo.fillNumbers = (viewer) => {
    const root = viewer.parts.numbers;
    root.replaceChildren();
    if (!viewer.rows) return;
    if (!viewer.editor?.regions.length) {
      if (viewer.options.editable) root.append(el("p", "sv-note", "Draw a box on the picture to see how well the model looked there. Click a free spot to see which tokens looked at it."));
      return;
    }
    const { numbers } = viewer;
    const { kind, index } = viewer.selection;
    const step = kind === "step" ? index : kind === "token" ? viewer.stepOf(index) : -1;
    const columns = [];
    if (kind === "token") columns.push(["Token", "token", index]);
    if (step >= 0) columns.push([sayo.stepName(viewer, step), "step", step]);
    columns.push(["Whole answer", "answer", 0]);
    const table = el("table", "sv-table");
    const line = (tag, name, cells, meaning) => {
      const row = el("tr");
      const head = el("th", "", name);
      head.title = row.title = meaning;
      row.append(head, ...cells.map((text) => el(tag, "", text)));
      table.append(row);
      return row;
    };
    line("th", "In the boxes", columns.map(([name]) => name), "");
    for (const { name, label, meaning, unit } of viewer.options.metrics) {
      const cells = columns.map(([, part, i]) => (numbers ? shown(numbers[part][name]?.[i], unit) : "…"));
      sayo.testId(line("td", label, cells, meaning), `number-${name}`);
    }
    root.append(table);
    for (const note of numbers?.notes || []) root.append(el("p", "sv-note is-warning", note));
    const help = el("details", "sv-help");
    help.append(el("summary", "", "What do these numbers mean?"));
    for (const { label, meaning } of viewer.options.metrics) {
      const line = el("p", "");
      line.append(el("b", "", `${label}: `), document.createTextNode(meaning));
      help.append(line);
    }
    root.append(help);
    help.open = viewer.helpOpen || false;
    help.addEventListener("toggle", () => (viewer.helpOpen = help.open));
  };
})();
