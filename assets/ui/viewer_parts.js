/* The nodes of the viewer: made once (viewerParts), then filled from its state (fill...). */
(() => {
  const sayo = (window.sayo ??= {});
  const el = sayo.el;

  const button = (className, text, title, onClick) => {
    const node = el("button", className, text);
    node.type = "button";
    node.title = title;
    node.addEventListener("click", onClick);
    return node;
  };
  const id = (node, testid) => {
    node.dataset.testid = testid;
    return node;
  };

  sayo.viewerParts = (viewer) => {
    const parts = {};
    const left = el("div", "sv-left");
    const right = el("div", "sv-right");
    const stage = (parts.stage = id(el("div", "sv-stage"), "stage"));
    parts.image = el("img", "sv-image");
    parts.image.alt = "The picture";
    parts.image.draggable = false;
    parts.canvas = id(el("canvas", "sv-heat"), "heat");
    parts.truth = el("div", "sv-layer sv-layer-truth");
    parts.layer = id(el("div", "sv-layer sv-layer-boxes"), "layer");
    stage.append(parts.image, parts.canvas, parts.truth, parts.layer);
    parts.empty = id(el("p", "sv-hint"), "empty");
    const frame = el("div", "sv-frame");
    frame.append(stage, parts.empty);
    left.append(mapBar(viewer, parts), frame, toolBar(viewer, parts), (parts.regions = id(el("ul", "sv-regions"), "regions")));
    parts.tokens = id(el("div", "sv-tokens"), "tokens");
    parts.caption = id(el("p", "sv-caption"), "caption");
    parts.numbers = id(el("div", "sv-numbers"), "numbers");
    right.append(playBar(viewer, parts), parts.tokens, parts.caption, parts.numbers);
    parts.tops = [left, right];
    parts.layer.classList.toggle("is-drawing", viewer.options.editable && viewer.flags.draw);
    return parts;
  };

  const mapBar = (viewer, parts) => {
    const bar = el("div", "sv-bar sv-answered");
    parts.methods = el("div", "sv-switch");
    parts.methods.setAttribute("role", "group");
    parts.methods.setAttribute("aria-label", "Map");
    for (const { name, label, description } of viewer.options.methods) {
      const node = id(button("sv-option", label, description, () => {
        viewer.method = name;
        viewer.draw();
      }), `method-${name}`);
      node.dataset.method = name;
      parts.methods.append(node);
    }
    const label = el("label", "sv-strength");
    const slider = id(el("input"), "strength");
    Object.assign(slider, { type: "range", min: 0, max: 100, value: 100 * viewer.strength });
    slider.addEventListener("input", () => {
      viewer.strength = slider.value / 100;
      viewer.draw();
    });
    const legend = el("span", "sv-legend");
    legend.style.background = sayo.legend();
    legend.title = "Dark: looked at little. Bright: looked at most. Each map is scaled to its own largest value.";
    label.append(el("span", "", "Overlay"), slider, legend);
    bar.append(parts.methods, label);
    return bar;
  };

  const toolBar = (viewer, parts) => {
    const bar = el("div", "sv-bar");
    parts.toggles = {};
    const toggle = (name, text, title) => {
      const node = id(button("sv-tool", text, title, () => viewer.set(name, !viewer.flags[name])), `toggle-${name}`);
      parts.toggles[name] = node;
      return node;
    };
    if (viewer.options.editable) {
      bar.append(
        toggle("draw", "▭ Draw", "Drag on the picture to draw a box. Switch off to scroll with a finger."),
        (parts.undo = id(button("sv-tool", "↶ Undo", "Undo (Ctrl+Z)", () => viewer.editor.undo()), "undo")),
        (parts.redo = id(button("sv-tool", "↷ Redo", "Redo (Ctrl+Shift+Z)", () => viewer.editor.redo()), "redo")),
      );
    }
    bar.append(toggle("truth", "True boxes", "Show the objects that were drawn into this scene"));
    bar.append(toggle("overlay", "Overlay", "Show or hide the map (H)"));
    return bar;
  };

  const playBar = (viewer, parts) => {
    const bar = el("div", "sv-bar sv-answered");
    bar.append(
      id(button("sv-tool", "‹", "Token before (Left arrow)", () => viewer.stepToken(-1)), "previous"),
      (parts.play = id(button("sv-tool sv-play", "▶ Play", "Play the tokens (Space)", () => viewer.play()), "play")),
      id(button("sv-tool", "›", "Next token (Right arrow)", () => viewer.stepToken(1)), "next"),
      (parts.whole = id(button("sv-tool", "Whole answer", "The map of the whole answer (A)", () => viewer.select("answer", 0)), "whole")),
    );
    return bar;
  };

  // ---- filling

  const stepName = (viewer, index) =>
    viewer.steps[index].kind === "answer" ? "Answer" : `Step ${index + 1}`;

  sayo.fillTokens = (viewer) => {
    const { tokens = [], top = [] } = viewer.value;
    const picked = new Set(top);
    const root = viewer.parts.tokens;
    root.replaceChildren();
    viewer.root.classList.toggle("has-answer", tokens.length > 0);
    if (!tokens.length && viewer.value.status !== "streaming" && viewer.options.waiting)
      root.append(el("p", "sv-note", viewer.options.waiting));
    const row = (name, onClick) => {
      const line = el("div", "sv-step");
      const head = button("sv-stephead", name, "Select this step as a whole (Up and Down arrows)", onClick);
      const chips = el("span", "sv-chips");
      line.append(head, chips);
      root.append(line);
      return { head, chips };
    };
    const chip = (index) => {
      const text = tokens[index];
      const node = id(el("button", "sv-chip", text.replace(/\n/g, "↵") || "·"), `token-${index}`);
      node.type = "button";
      node.dataset.token = index;
      node.disabled = index >= viewer.rows;
      if (/^<\|.*\|>$/.test(text)) node.classList.add("is-special");
      if (picked.has(index)) node.classList.add("is-top");
      node.addEventListener("click", () => viewer.select("token", index));
      return node;
    };
    const inStep = new Set();
    viewer.steps.forEach((step, index) => {
      const { head, chips } = row(stepName(viewer, index), () => viewer.select("step", index));
      id(head, `step-${index}`).dataset.step = index;
      for (let i = step.start; i < step.stop; i++) {
        chips.append(chip(i));
        inStep.add(i);
      }
    });
    const rest = tokens.map((_, i) => i).filter((i) => !inStep.has(i));
    if (rest.length) {
      const { head, chips } = row(viewer.steps.length ? "End" : "…", () => {});
      head.disabled = true;
      for (const i of rest) chips.append(chip(i));
    }
  };

  sayo.fillState = (viewer) => {
    const { parts, selection, method, flags, value } = viewer;
    const { kind, index } = selection;
    const step = kind === "step" ? viewer.steps[index] : null;
    viewer.root.classList.toggle("is-reward", method === "reward");
    for (const node of parts.tokens.querySelectorAll(".sv-chip")) {
      const token = Number(node.dataset.token);
      const on = kind === "token" && token === index;
      node.classList.toggle("is-selected", on);
      node.classList.toggle("is-covered", kind === "answer" || (step && token >= step.start && token < step.stop) || false);
      node.setAttribute("aria-pressed", String(on));
      node.tabIndex = on || (kind !== "token" && token === 0) ? 0 : -1; // one tab stop, arrows do the rest
      if (on) keepInView(parts.tokens, node);
    }
    for (const node of parts.tokens.querySelectorAll(".sv-stephead"))
      node.setAttribute("aria-pressed", String(kind === "step" && Number(node.dataset.step) === index));
    for (const node of parts.methods.children) node.setAttribute("aria-pressed", String(node.dataset.method === method));
    for (const [name, node] of Object.entries(parts.toggles)) node.setAttribute("aria-pressed", String(flags[name]));
    parts.toggles.truth.hidden = !value.truth?.length;
    parts.toggles.overlay.hidden = !viewer.rows;
    parts.whole.setAttribute("aria-pressed", String(kind === "answer"));
    parts.play.textContent = viewer.timer ? "❚❚ Pause" : "▶ Play";
    parts.caption.textContent = caption(viewer);
    if (parts.undo) {
      parts.undo.disabled = !viewer.editor?.past.length;
      parts.redo.disabled = !viewer.editor?.future.length;
    }
  };

  const keepInView = (box, node) => {
    const [outer, inner] = [box.getBoundingClientRect(), node.getBoundingClientRect()];
    if (inner.bottom > outer.bottom) box.scrollTop += inner.bottom - outer.bottom + 8;
    if (inner.top < outer.top) box.scrollTop -= outer.top - inner.top + 8;
  };

  const caption = (viewer) => {
    const { selection, value } = viewer;
    if (!viewer.rows) return value.status === "streaming" ? "Answering … the maps come with the last token." : "";
    const { kind, index } = selection;
    if (kind === "answer") return "Showing the whole answer. Choose a token or a step, or use the arrow keys.";
    if (kind === "step") return `Showing ${stepName(viewer, index).toLowerCase()} as a whole.`;
    const share = value.image_share?.[index];
    const entropy = value.entropies?.[index];
    const reads = value.top?.includes(index) ? " The reward reads this token." : "";
    return `Token ${index + 1} of ${value.tokens.length}: ${(100 * share).toFixed(1)} % of its attention is on the picture, entropy ${entropy.toFixed(2)} nats.${reads}`;
  };

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
      const name = id(button("sv-regionname", `Box ${index + 1}`, "Select this box", () => viewer.editor.select(index)), `region-${index}`);
      item.append(name, el("span", "sv-coordinates", `x ${x0}–${x1}, y ${y0}–${y1}`));
      if (viewer.options.editable) {
        item.append(stepChoice(viewer, region, index));
        item.append(id(button("sv-tool", "✕", "Delete this box (Delete)", () => viewer.editor.remove(index)), `remove-${index}`));
      } else if (region.step !== null && viewer.steps[region.step]) item.append(el("span", "", stepName(viewer, region.step)));
      root.append(item);
    });
  };

  const stepChoice = (viewer, region, index) => {
    const choice = id(el("select", "sv-choice"), `region-step-${index}`);
    choice.title = "What this box holds for";
    const add = (value, text) => {
      const option = el("option", "", text);
      option.value = value;
      choice.append(option);
    };
    add("", "whole answer");
    viewer.steps.forEach((step, i) => add(String(i), `${stepName(viewer, i)}: ${step.text.trim().slice(0, 40)}`));
    // A box can belong to a step that this answer does not have; it keeps it.
    if (region.step !== null && !viewer.steps[region.step]) add(String(region.step), `Step ${region.step + 1}`);
    choice.value = region.step === null ? "" : String(region.step);
    choice.addEventListener("change", () => viewer.editor.setStep(index, choice.value === "" ? null : Number(choice.value)));
    return choice;
  };

  // ---- figures

  const reward = (value) => (value === null || value === undefined ? "–" : value.toFixed(2).replace("-", "−"));
  const share = (value) => (value === null || value === undefined ? "–" : `${Math.round(100 * value)} %`);

  sayo.fillNumbers = (viewer) => {
    const root = viewer.parts.numbers;
    root.replaceChildren();
    if (!viewer.rows) return;
    if (!viewer.editor?.regions.length) {
      if (viewer.options.editable) root.append(el("p", "sv-note", "Draw a box on the picture to see how well the model looked there."));
      return;
    }
    const numbers = viewer.numbers;
    const { kind, index } = viewer.selection;
    const step = kind === "step" ? index : kind === "token" ? viewer.stepOf(index) : -1;
    const columns = [];
    if (kind === "token") columns.push(["Token", "token", index]);
    if (step >= 0) columns.push([stepName(viewer, step), "step", step]);
    columns.push(["Whole answer", "answer", 0]);
    const table = el("table", "sv-table");
    const line = (tag, name, cells) => {
      const row = el("tr");
      row.append(el("th", "", name), ...cells.map((text) => el(tag, "", text)));
      table.append(row);
      return row;
    };
    line("th", "In the boxes", columns.map(([name]) => name));
    const cells = (pick) => columns.map(([, part, i]) => (numbers ? pick(numbers[part], i) : "…"));
    id(line("td", "SAYO reward", cells((part, i) => reward(part.reward[i]))), "number-reward");
    id(line("td", "Energy", cells((part, i) => share(part.energy[viewer.method][i]))), "number-energy");
    root.append(table);
    for (const note of numbers?.notes || []) root.append(el("p", "sv-note is-warning", note));
    const help = el("details", "sv-help");
    help.append(
      el("summary", "", "What do these numbers mean?"),
      el("p", "", "SAYO reward: how much more the last layer looks into the boxes than elsewhere on the picture. 0: no more than elsewhere. Towards 1: much more. Towards −1: it avoids them. For the whole answer only the tokens are read that training reads (the 30 % of which the model was least sure; dotted in the reward view)."),
      el("p", "", "Energy: the share of the shown map that lies in the boxes. 100 %: the model looked nowhere else."),
    );
    root.append(help);
    help.open = viewer.helpOpen || false;
    help.addEventListener("toggle", () => (viewer.helpOpen = help.open));
  };

  // ---- keys and chart

  sayo.viewerKey = (viewer, event) => {
    const target = event.target;
    if (/^(INPUT|SELECT|TEXTAREA|SUMMARY)$/.test(target.tagName)) return;
    const onTool = target.tagName === "BUTTON" && !target.matches(".sv-chip, .sv-stephead");
    const { editor } = viewer;
    const key = event.key;
    const move = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] }[key];
    let used = true;
    if (move && event.altKey) used = viewer.options.editable && editor.nudge(...move.map((by) => by * (event.shiftKey ? 10 : 1)));
    else if (event.altKey) used = false;
    else if ((event.ctrlKey || event.metaKey) && key.toLowerCase() === "z") event.shiftKey ? editor.redo() : editor.undo();
    else if (event.ctrlKey || event.metaKey) used = false;
    else if (move && move[0]) viewer.stepToken(move[0]);
    else if (move) viewer.stepStep(move[1]);
    else if (key === " " && !onTool) viewer.play();
    else if (key === "a") viewer.select("answer", 0);
    else if (key === "h") viewer.set("overlay", !viewer.flags.overlay);
    else if (key === "Escape") editor.select(-1);
    else if (key === "Delete" || key === "Backspace") used = viewer.options.editable && editor.remove();
    else used = false;
    if (!used) return;
    event.preventDefault();
    if (move && !event.altKey && target.matches(".sv-chip, .sv-stephead"))
      viewer.parts.tokens.querySelector(".is-selected, .sv-stephead[aria-pressed=true]")?.focus({ preventScroll: true });
  };

  /* A line in the Plotly chart at the selected token, and a click there selects a token. */
  sayo.markChart = (viewer) => {
    if (!viewer.options.chart || !viewer.rows) return;
    const plot = document.querySelector(`#${viewer.options.chart} .js-plotly-plot`);
    if (!plot?.on || !plot._fullLayout?.xaxis) {
      clearTimeout(viewer.chartTimer); // Plotly loads and draws in its own time
      viewer.chartTimer = setTimeout(() => viewer.root.isConnected && sayo.markChart(viewer), 400);
      return;
    }
    if (!plot.dataset.sayo) {
      plot.dataset.sayo = "1";
      plot.on("plotly_click", (event) => viewer.select("token", Math.round(event.points[0].x) - 1));
      plot.on("plotly_afterplot", () => sayo.markChart(viewer));
    }
    let mark = plot.querySelector(".sv-mark");
    if (!mark) plot.append((mark = el("div", "sv-mark")));
    const { xaxis, _size: size } = plot._fullLayout;
    mark.hidden = viewer.selection.kind !== "token" || !viewer.rows;
    mark.style.left = `${size.l + xaxis.l2p(viewer.selection.index + 1)}px`;
    mark.style.top = `${size.t}px`;
    mark.style.height = `${size.h}px`;
  };
})();
