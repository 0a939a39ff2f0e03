/* The answer as tokens in steps: chips, their colours, and who looked at a spot. */
(() => {
  const sayo = (window.sayo ??= {});
  const { el } = sayo;
  const MOST_LISTED = 6;
  const THUMB_PX = 44;

  /* While an answer is written only the new chips are added. */
  sayo.fillTokens = (viewer, before) => {
    const { tokens = [], status } = viewer.value;
    const root = viewer.parts.tokens;
    if (status === "streaming" && before.status === "streaming" && viewer.chips.length <= tokens.length) {
      for (let i = viewer.chips.length; i < tokens.length; i++) viewer.tail.append(chip(viewer, i));
      return;
    }
    root.replaceChildren();
    Object.assign(viewer, { chips: [], marked: null, thumbs: [] });
    if (!tokens.length && status !== "streaming" && viewer.options.waiting)
      root.append(el("p", "sv-note", viewer.options.waiting));
    const inStep = new Set();
    viewer.steps.forEach((step, index) => {
      const chips = stepRow(viewer, step, index);
      for (let i = step.start; i < step.stop; i++) {
        chips.append(chip(viewer, i));
        inStep.add(i);
      }
    });
    const rest = tokens.map((_, i) => i).filter((i) => !inStep.has(i));
    if (rest.length || status === "streaming") {
      const line = el("div", "sv-step");
      const head = sayo.button("sv-stephead", viewer.steps.length ? "End" : "…", "", () => {});
      head.disabled = true;
      viewer.tail = el("span", "sv-chips");
      line.append(head, viewer.tail);
      root.append(line);
      for (const i of rest) viewer.tail.append(chip(viewer, i));
    }
    sayo.fillSpot(viewer);
    sayo.drawSteps(viewer);
    sayo.colourTokens(viewer);
  };

  /* A step: its name, a small picture of its own map, and its tokens, which can be folded away. */
  const stepRow = (viewer, step, index) => {
    const line = el("div", "sv-step");
    line.dataset.row = index;
    const name = sayo.stepName(viewer, index);
    const heading = el("span", "sv-stepside");
    const head = sayo.testId(sayo.button("sv-stephead", name, "Select this step as a whole (Up and Down arrows)", () => viewer.select("step", index)), `step-${index}`);
    head.dataset.step = index;
    const thumb = el("canvas", "sv-stepmap");
    thumb.title = `Where ${name.toLowerCase()} looked`;
    thumb.addEventListener("click", () => viewer.select("step", index));
    viewer.thumbs.push(thumb);
    const chips = el("span", "sv-chips");
    const folded = el("span", "sv-folded", step.text);
    folded.hidden = true;
    const fold = sayo.testId(sayo.button("sv-fold", "▾", "Fold or unfold this step", () => {
      chips.hidden = !chips.hidden;
      folded.hidden = !chips.hidden;
      fold.textContent = chips.hidden ? "▸" : "▾";
      fold.setAttribute("aria-expanded", String(!chips.hidden));
    }), `fold-${index}`);
    fold.setAttribute("aria-expanded", "true");
    heading.append(fold, head);
    line.append(heading, thumb, chips, folded);
    viewer.parts.tokens.append(line);
    return chips;
  };

  const chip = (viewer, index) => {
    const text = viewer.value.tokens[index];
    const node = sayo.testId(el("button", "sv-chip", text.replace(/\n/g, "↵") || "·"), `token-${index}`);
    node.type = "button";
    node.dataset.token = index;
    node.disabled = index >= viewer.rows;
    node.tabIndex = -1;
    if (/^<\|.*\|>$/.test(text)) node.classList.add("is-special");
    if (viewer.value.top?.includes(index)) node.classList.add("is-top");
    node.addEventListener("click", () => viewer.select("token", index));
    viewer.chips[index] = node;
    return node;
  };

  /* Only what changes is touched: an answer may have a thousand tokens. */
  sayo.markTokens = (viewer) => {
    const { parts, selection } = viewer;
    const { kind, index } = selection;
    viewer.root.classList.toggle("is-whole", kind === "answer");
    const old = viewer.marked;
    if (old) {
      old.classList.remove("is-selected");
      old.setAttribute("aria-pressed", "false");
      old.tabIndex = -1;
    }
    const node = viewer.chips?.[kind === "token" ? index : 0]; // one tab stop, arrows do the rest
    viewer.marked = node || null;
    if (node) node.tabIndex = 0;
    if (node && kind === "token") {
      node.classList.add("is-selected");
      node.setAttribute("aria-pressed", "true");
      if (node.offsetParent) keepInView(parts.tokens, node);
    }
    for (const row of parts.tokens.querySelectorAll(".sv-step[data-row]")) {
      const on = kind === "step" && Number(row.dataset.row) === index;
      row.classList.toggle("is-step", on);
      row.querySelector(".sv-stephead").setAttribute("aria-pressed", String(on));
    }
  };

  const keepInView = (box, node) => {
    const [outer, inner] = [box.getBoundingClientRect(), node.getBoundingClientRect()];
    if (inner.bottom > outer.bottom) box.scrollTop += inner.bottom - outer.bottom + 8;
    if (inner.top < outer.top) box.scrollTop -= outer.top - inner.top + 8;
  };

  sayo.drawSteps = (viewer) => {
    const view = viewer.views[viewer.view];
    const layout = viewer.layouts?.[viewer.picture];
    (viewer.thumbs || []).forEach((canvas, index) => {
      const values = view?.at("step", index);
      canvas.hidden = !values || !layout;
      if (canvas.hidden) return;
      const before = viewer.layouts.slice(0, viewer.picture).reduce((sum, it) => sum + it.count, 0);
      const scale = THUMB_PX / Math.max(layout.size.width, layout.size.height);
      canvas.style.width = `${scale * layout.size.width}px`;
      canvas.style.height = `${scale * layout.size.height}px`;
      sayo.paint([canvas], [layout], values.subarray(before, before + layout.count), 1);
    });
  };

  // ---- colours

  const COLOURS = {
    none: ["nothing", () => null],
    share: ["attention on the picture", (viewer) => viewer.value.image_share],
    entropy: ["entropy", (viewer) => viewer.value.entropies],
    region: ["attention in the boxes", (viewer) => viewer.numbers?.token?.energy],
    spot: ["attention on the clicked spot", (viewer) => viewer.spot && viewer.views[viewer.view]?.column(viewer.spot.column)],
  };

  sayo.colourTokens = (viewer) => {
    const { parts, colour } = viewer;
    const choices = Object.entries(COLOURS).map(([value, [label]]) => ({
      value,
      label,
      disabled: (value === "region" && !viewer.editor?.regions.length) || (value === "spot" && !viewer.spot),
    }));
    sayo.fillChoice(parts.colour, choices);
    parts.colour.value = colour;
    const values = viewer.rows ? COLOURS[colour][1](viewer) : null;
    const most = values ? values.reduce((best, it) => Math.max(best, it || 0), 0) : 0;
    viewer.root.classList.toggle("is-coloured", most > 0);
    (viewer.chips || []).forEach((node, index) => {
      const value = most > 0 ? (values[index] || 0) / most : 0;
      node.style.setProperty("--shade", `${Math.round(100 * value)}%`);
    });
  };

  // ---- who looked here

  sayo.fillSpot = (viewer) => {
    const { parts, spot } = viewer;
    sayo.fillPictures(viewer, viewer.value);
    parts.spot.replaceChildren();
    const view = viewer.views[viewer.view];
    if (!spot || !view) return;
    const values = view.column(spot.column);
    const ranked = values.map((value, index) => ({ value, index })).filter((it) => it.value > 0);
    ranked.sort((a, b) => b.value - a.value);
    parts.spot.append(el("span", "sv-spotname", ranked.length ? "Looked at this spot most:" : "No token looked at this spot."));
    const total = values.reduce((sum, it) => sum + it, 0);
    for (const { value, index } of ranked.slice(0, MOST_LISTED)) {
      const text = viewer.value.tokens[index].trim() || "·";
      const node = sayo.button("sv-tool", `${text} ${Math.round((100 * value) / total)} %`, `Token ${index + 1}`, () => viewer.select("token", index));
      parts.spot.append(sayo.testId(node, `spot-token-${index}`));
    }
    parts.spot.append(sayo.testId(sayo.button("sv-tool", "✕", "Forget the spot (Escape)", () => viewer.forget()), "spot-clear"));
  };
})();
