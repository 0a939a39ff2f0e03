/* The regions as a list: their names, labels, what they hold for. */
(() => {
  const sayo = (window.sayo ??= {});
  const { el } = sayo;
  const NAMES = { box: "Box", polygon: "Polygon", brush: "Painting" };

  /* Rebuilt only where something of it changed: a label may be being typed. */
  sayo.fillRegions = (viewer) => {
    const { regions: root } = viewer.parts;
    const { regions = [], selected, suggestions = [] } = viewer.editor || {};
    const steps = viewer.steps.map((it) => it.text);
    const rows = regions.map(({ box_xyxy, label, look, step, kind }) => [box_xyxy, label, look, step, kind]);
    const seen = JSON.stringify([rows, selected, steps, suggestions.length, sayo.labels]);
    if (seen === viewer.listed) return;
    viewer.listed = seen;
    const held = root.contains(document.activeElement); // keys go on working when their row is gone
    root.replaceChildren(
      ...regions.map((region, index) => row(viewer, region, index, index === selected)),
      ...suggestions.map((_, index) => suggestionRow(viewer, index)),
    );
    if (held) viewer.root.focus({ preventScroll: true });
    if (viewer.options.editable && regions.length) root.append(knownLabels(viewer));
  };

  const row = (viewer, region, index, active) => {
    const { editor, options } = viewer;
    const item = el("li", active ? "sv-region is-selected" : "sv-region");
    item.style.setProperty("--colour", sayo.regionColour(region));
    const [x0, y0, x1, y1] = region.box_xyxy.map(Math.round);
    const name = sayo.testId(sayo.button("sv-regionname", `${NAMES[region.kind]} ${index + 1}`, "Select this region", () => editor.select(index)), `region-${index}`);
    item.append(name, el("span", "sv-coordinates", `x ${x0}–${x1}, y ${y0}–${y1}`));
    if (options.editable) {
      const look = sayo.testId(sayo.button("sv-tool sv-small", region.look ? "look here" : "not here", "Should the model look here, or not? (X)", () => editor.set(index, { look: !region.look })), `region-look-${index}`);
      look.setAttribute("aria-pressed", String(region.look === false));
      item.append(labelField(viewer, region, index), look, stepChoice(viewer, region, index));
      item.append(sayo.testId(sayo.button("sv-tool sv-small", "✕", "Delete this region (Delete)", () => editor.remove(index)), `remove-${index}`));
      return item;
    }
    if (region.label) item.append(el("b", "", region.label));
    if (region.look === false) item.append(el("span", "", "do not look here"));
    if (region.step !== null && viewer.steps[region.step]) item.append(el("span", "", sayo.stepName(viewer, region.step)));
    return item;
  };

  const labelField = (viewer, region, index) => {
    const input = sayo.testId(el("input", "sv-label"), `region-label-${index}`);
    Object.assign(input, { value: region.label, placeholder: "label", maxLength: 100, title: "What this region shows (L); Enter keeps it" });
    input.setAttribute("list", `${viewer.options.id}-labels`);
    input.addEventListener("change", () => viewer.editor.set(index, { label: input.value.trim() }));
    input.addEventListener("keydown", (event) => {
      event.stopPropagation();
      if (event.key === "Escape") input.value = region.label;
      if (event.key === "Enter" || event.key === "Escape") {
        input.blur();
        viewer.root.focus({ preventScroll: true });
      }
    });
    return input;
  };

  const knownLabels = (viewer) => {
    const list = el("datalist");
    list.id = `${viewer.options.id}-labels`;
    for (const name of sayo.labels) list.append(Object.assign(el("option"), { value: name }));
    return list;
  };

  /* The n-th label of the list for the selected region; once more takes it away. */
  sayo.chooseLabel = (viewer, index) => {
    const { editor } = viewer;
    const label = sayo.labels[index];
    if (label !== undefined) editor.set(editor.selected, { label: editor.current.label === label ? "" : label });
    return true;
  };

  const stepChoice = (viewer, region, index) => {
    const options = viewer.steps.map((step, i) => ({ value: String(i), label: `${sayo.stepName(viewer, i)}: ${step.text.trim().slice(0, 40)}` }));
    // A region can belong to a step that this answer does not have; it keeps it.
    if (region.step !== null && !viewer.steps[region.step]) options.push({ value: String(region.step), label: `Step ${region.step + 1}` });
    const choice = sayo.choice(`region-step-${index}`, "What this region holds for", [{ value: "", label: "whole answer" }, ...options], (value) =>
      viewer.editor.set(index, { step: value === "" ? null : Number(value) }),
    );
    choice.value = region.step === null ? "" : String(region.step);
    return choice;
  };

  const suggestionRow = (viewer, index) => {
    const item = el("li", "sv-region is-suggestion");
    const settle = (testid, text, title, accept) =>
      sayo.testId(sayo.button("sv-tool sv-small", text, title, () => viewer.editor.settle(index, accept)), `${testid}-${index}`);
    item.append(
      el("span", "", `Suggestion ${index + 1}`),
      settle("accept", "✓ Accept", "Make it a region, which can then be changed", true),
      settle("reject", "✕ Reject", "Drop it", false),
    );
    return item;
  };
})();
