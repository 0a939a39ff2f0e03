/* Keys, and the mark in the timeline. */
(() => {
  const sayo = (window.sayo ??= {});
  const { el } = sayo;

  sayo.viewerKey = (viewer, event) => {
    const target = event.target;
    if (/^(INPUT|SELECT|TEXTAREA|SUMMARY)$/.test(target.tagName)) return;
    const onTool = target.tagName === "BUTTON" && !target.matches(".sv-chip, .sv-stephead");
    const { editor } = viewer;
    const key = event.key;
    const move = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] }[key];
    const method = /^[1-9]$/.test(key) && viewer.options.methods[Number(key) - 1];
    let used = true;
    if (move && event.altKey) used = viewer.options.editable && editor.nudge(...move.map((by) => by * (event.shiftKey ? 10 : 1)));
    else if (event.altKey) used = false;
    else if ((event.ctrlKey || event.metaKey) && key.toLowerCase() === "z") event.shiftKey ? editor.redo() : editor.undo();
    else if (event.ctrlKey || event.metaKey) used = false;
    else if (move && move[0]) viewer.stepToken(move[0]);
    else if (move) viewer.stepStep(move[1]);
    else if (method) viewer.choose(method.name);
    else if (key === " " && !onTool) viewer.play();
    else if (key === "a") viewer.select("answer", 0);
    else if (key === "h") viewer.set("overlay", !viewer.flags.overlay);
    else if (key === "Escape") {
      editor.select(-1);
      viewer.forget();
    } else if (key === "Delete" || key === "Backspace") used = viewer.options.editable && editor.remove();
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
