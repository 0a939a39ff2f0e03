/* Keys, the sheet that lists them, and the mark in the timeline. */
(() => {
  const sayo = (window.sayo ??= {});
  const { el } = sayo;
  const ARROWS = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] };

  const SHEET = {
    "The answer": [
      ["← →", "token before, next token"],
      ["↑ ↓", "step before, next step"],
      ["A", "the whole answer"],
      ["Space", "play the tokens"],
      ["1 – 9", "choose a map (a label while a region is selected)"],
    ],
    "The picture": [
      ["H", "show or hide the map"],
      ["G", "show the grid of image tokens and what the regions cover"],
      ["V held", "hide everything but the picture"],
      ["+ −, Ctrl + wheel", "zoom"],
      ["F", "fit the picture"],
      ["Space + drag, middle button", "move the picture"],
    ],
    Drawing: [
      ["S B P R E", "select, box, polygon, brush, erase"],
      ["[ ]", "size of the brush"],
      ["Enter", "close a polygon"],
      ["Backspace", "take a polygon's last corner back"],
      ["Alt + click", "remove a corner of a polygon"],
      ["Escape", "leave what is begun or selected"],
      ["Ctrl + Z, Ctrl + Shift + Z", "undo, redo"],
      ["K", "propose regions: the peaks of the map"],
      ["C", "copy the regions of the picture before"],
    ],
    "The selected region": [
      ["Alt + arrows", "move by a pixel, with Shift by ten"],
      ["1 – 9", "choose a label"],
      ["L", "write a label"],
      ["X", "look here, or do not look here"],
      ["Ctrl + D", "duplicate"],
      ["Delete", "delete it, or its selected corner"],
    ],
  };

  /* With Ctrl or Cmd. */
  const withControl = (viewer, event) => {
    const key = event.key.toLowerCase();
    if (key === "z" || key === "y") sayo.travel(viewer, event);
    else if (key === "d") return viewer.options.editable && viewer.editor.duplicate();
    else return false;
    return true;
  };

  /* Keys of drawing; false where the key is none, or has nothing to do now. */
  const drawn = (viewer, key) => {
    const { editor } = viewer;
    if (!viewer.options.editable) return false;
    const tool = sayo.toolNames.find((name) => sayo.tools[name].key === key);
    if (tool) editor.setTool(tool);
    else if (key === "[" || key === "]") return sayo.growBrush(viewer, key === "]" ? 1 : -1);
    else if (key === "Enter") return sayo.tools.polygon.close(editor);
    else if (key === "Delete" || key === "Backspace") return editor.removeMarked();
    else if (key === "x") return editor.set(editor.selected, { look: !editor.current?.look });
    else if (key === "k") return sayo.propose(viewer);
    else if (key === "c") return sayo.copyLast(viewer);
    else if (key === "l" && editor.current) viewer.root.querySelector(`[data-testid=region-label-${editor.selected}]`)?.focus();
    else if (/^[1-9]$/.test(key) && editor.current && sayo.labels.length) return sayo.chooseLabel(viewer, Number(key) - 1);
    else return false;
    return true;
  };

  const escape = (viewer) => {
    const { editor } = viewer;
    if (editor.draft) editor.setTool(editor.tool.name);
    else {
      editor.select(-1);
      viewer.forget();
    }
  };

  const seen = (viewer, key, onTool) => {
    const method = /^[1-9]$/.test(key) && viewer.options.methods[Number(key) - 1];
    if (method) viewer.choose(method.name);
    else if (key === " " && !onTool) viewer.zoom.spaceHeld = true;
    else if (key === "a") viewer.select("answer", 0);
    else if (key === "h") viewer.set("overlay", !viewer.flags.overlay);
    else if (key === "g") viewer.set("grid", !viewer.flags.grid);
    else if (key === "v") viewer.root.classList.add("is-hiding");
    else if (key === "f") viewer.zoom.fit();
    else if (key === "+" || key === "=") viewer.zoom.by(1);
    else if (key === "-") viewer.zoom.by(-1);
    else if (key === "?") sayo.toggleSheet(viewer);
    else if (key === "Escape") escape(viewer);
    else return false;
    return true;
  };

  sayo.viewerKey = (viewer, event) => {
    const target = event.target;
    if (/^(INPUT|SELECT|TEXTAREA|SUMMARY)$/.test(target.tagName) && target.type !== "range") return;
    const onTool = target.tagName === "BUTTON" && !target.matches(".sv-chip, .sv-stephead");
    const key = event.key.length === 1 ? event.key.toLowerCase() : event.key;
    const move = ARROWS[key];
    let used = true;
    if (move && event.altKey) used = viewer.options.editable && viewer.editor.nudge(...move.map((by) => by * (event.shiftKey ? 10 : 1)));
    else if (event.altKey) used = false;
    else if (event.ctrlKey || event.metaKey) used = withControl(viewer, event);
    else if (target.type === "range" && key.length > 1) used = false; // arrows move the slider
    else if (move && move[0]) viewer.stepToken(move[0]);
    else if (move) viewer.stepStep(move[1]);
    else used = (!(onTool && key === "Enter") && drawn(viewer, key)) || seen(viewer, key, onTool);
    if (!used) return;
    event.preventDefault();
    if (move && !event.altKey && target.matches(".sv-chip, .sv-stephead"))
      viewer.parts.tokens.querySelector(".is-selected, .sv-stephead[aria-pressed=true]")?.focus({ preventScroll: true });
  };

  /* What is held ends: the space bar plays where it did not move the picture, V shows everything again. */
  sayo.viewerKeyUp = (viewer, event) => {
    if (event.key.toLowerCase() === "v") viewer.root.classList.remove("is-hiding");
    if (event.key !== " " || !viewer.zoom.spaceHeld) return;
    event.preventDefault();
    if (!viewer.zoom.releaseSpace()) viewer.play();
  };

  sayo.viewerBlur = (viewer) => {
    viewer.root.classList.remove("is-hiding");
    viewer.zoom.releaseSpace();
  };

  sayo.toggleSheet = (viewer) => {
    const open = viewer.root.querySelector(".sv-sheet");
    if (open) return open.close();
    const sheet = sayo.testId(el("dialog", "sv-sheet"), "sheet");
    const close = sayo.testId(sayo.button("sv-tool", "Close", "Close (Escape)", () => sheet.close()), "sheet-close");
    const head = el("div", "sv-sheethead");
    head.append(el("b", "", "Keys"), close);
    const columns = el("div", "sv-sheetcolumns");
    for (const [title, keys] of Object.entries(SHEET)) {
      const part = el("section");
      const list = el("dl");
      for (const [key, meaning] of keys) list.append(el("dt", "", key), el("dd", "", meaning));
      part.append(el("h4", "", title), list);
      columns.append(part);
    }
    sheet.append(head, columns);
    sheet.addEventListener("keydown", (event) => {
      event.stopPropagation();
      if (event.key === "?") sheet.close();
    });
    sheet.addEventListener("close", () => {
      sheet.remove();
      viewer.root.focus({ preventScroll: true });
    });
    viewer.root.append(sheet);
    sheet.showModal();
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
