/* What a drag on the picture does: select, box, polygon, brush, erase.
 *
 * A tool's down(editor, pen) gives the drag: move(pen) while it lasts, up(pen) at its end, click(pen) where the
 * pointer stayed in place (else what lies there is selected).
 */
(() => {
  const sayo = (window.sayo ??= {});
  const { shapes } = sayo;
  const CLOSE_SLACK = 8; // screen pixels from the first corner that close a polygon
  const SAME_SLACK = 4; // and from the last one: a double click

  const withCorner = (region, index, at) => shapes.withPoints(region, region.points_xy.map((it, i) => (i === index ? at : it)));

  /* A drag that changes the selected region; `make` gives the changed one, or null where there is none. */
  const reshape = (editor, make, click, vertex = -1) => ({
    move(pen) {
      editor.preview = make(pen);
    },
    up(pen) {
      const region = make(pen);
      if (region) editor.put(editor.selected, region, vertex);
    },
    click,
  });

  const dragged = (box, name, [x, y]) => {
    let [x0, y0, x1, y1] = box;
    if (name.includes("w")) x0 = x;
    if (name.includes("e")) x1 = x;
    if (name.includes("n")) y0 = y;
    if (name.includes("s")) y1 = y;
    return shapes.ordered(x0, y0, x1, y1);
  };

  /* A drag of one of the selected region's handles or corners, if the pointer is on one. */
  const onHandle = (editor, pen) => {
    const region = editor.current;
    const { handle, vertex, middle } = pen.target.dataset || {};
    if (!region) return null;
    if (handle) return reshape(editor, ({ at }) => shapes.resized(region, dragged(region.box_xyxy, handle, at), editor.size), () => {});
    const solid = (changed) => (shapes.hasArea(changed.points_xy) ? changed : null);
    if (vertex !== undefined) {
      const index = Number(vertex);
      if (pen.altKey) return { click: () => editor.removeVertex(index) };
      return reshape(editor, ({ at }) => solid(withCorner(region, index, at)), () => editor.select(editor.selected, index), index);
    }
    if (middle === undefined) return null;
    const index = Number(middle) + 1;
    const added = (at) => shapes.withPoints(region, region.points_xy.toSpliced(index, 0, at));
    return reshape(editor, ({ at }) => added(at), ({ at }) => editor.put(editor.selected, added(at), index), index);
  };

  const onSelected = (editor, pen) => {
    const region = editor.current;
    if (!region || !shapes.hits(region, pen.exact, SAME_SLACK / pen.scale, editor.size)) return null;
    return reshape(editor, ({ at }) => shapes.moved(region, at[0] - pen.at[0], at[1] - pen.at[1], editor.size));
  };

  const select = {
    name: "select",
    label: "Select",
    key: "s",
    title: "Click a region to select it, drag to move it. Click a free spot to see which tokens looked there.",
    down(editor, pen) {
      const grip = onHandle(editor, pen) || onSelected(editor, pen);
      if (grip) return grip;
      const index = editor.hit(pen);
      if (index >= 0 && pen.pointerType === "mouse") {
        editor.select(index);
        return onSelected(editor, pen);
      }
      let last = pen.screen;
      return {
        move({ screen }) {
          editor.hooks.pan(screen[0] - last[0], screen[1] - last[1]);
          last = screen;
        },
      };
    },
  };

  const box = {
    name: "box",
    label: "Box",
    key: "b",
    draws: true,
    title: "Drag on the picture to draw a box; click a free spot to see which tokens looked there",
    down(editor, pen) {
      const drawn = ({ at }) => shapes.ordered(...pen.at, ...at);
      return onHandle(editor, pen) || onSelected(editor, pen) || {
        move(to) {
          editor.draft = { box: drawn(to) };
        },
        up(to) {
          editor.draft = null;
          const [x0, y0, x1, y1] = drawn(to);
          if (x1 > x0 && y1 > y0) editor.add(shapes.box([x0, y0, x1, y1])); // a line has no area
        },
        click(to) {
          editor.draft = null;
          editor.clicked(to);
        },
        cancel() {
          editor.draft = null;
        },
      };
    },
  };

  const polygon = {
    name: "polygon",
    label: "Polygon",
    key: "p",
    draws: true,
    hover: true,
    title: "Click corner after corner; double click, Enter or a click on the first corner closes it",
    hint: "Click corner after corner. Enter or a double click closes the polygon, Backspace takes a corner back.",
    down(editor, pen) {
      if (!editor.draft) {
        const grip = onHandle(editor, pen);
        if (grip) return grip;
        editor.select(-1);
        editor.draft = { points: [] };
      }
      const { points } = editor.draft;
      const near = (corner, slack) => corner && Math.hypot(corner[0] - pen.exact[0], corner[1] - pen.exact[1]) * pen.scale < slack;
      if (near(points.at(-1), SAME_SLACK) || (points.length >= 3 && near(points[0], CLOSE_SLACK))) return { click: () => polygon.close(editor) };
      points.push(pen.at);
      return {
        move: ({ at }) => (points[points.length - 1] = at),
        click: () => {},
        cancel: () => editor.takeBack(),
      };
    },
    /* What has an area becomes a region; anything less is still being drawn. */
    close(editor) {
      const points = editor.draft?.points;
      if (!points || points.length < 3 || !shapes.hasArea(points)) return Boolean(points);
      editor.draft = null;
      editor.add(shapes.polygon(points));
      return true;
    },
  };

  /* A stroke on a mask, shown on a canvas that is changed pixel by pixel as the mask is. */
  const stroke = (editor, pen, { mask, colour, value, shown, done }) => {
    const { size, brushSize } = editor;
    const canvas = sayo.maskCanvas(mask, [0, 0, size.width, size.height], size, colour);
    const context = canvas.getContext("2d");
    context.fillStyle = colour;
    editor.live = { canvas, index: shown };
    let last = shapes.brushCentre(pen.exact, brushSize, size);
    const dab = (centre) => {
      for (const [y, from, to] of shapes.stamp(centre, brushSize, size)) {
        mask.fill(value, y * size.width + from, y * size.width + to);
        context[value ? "fillRect" : "clearRect"](from, y, to - from, 1);
      }
    };
    dab(last);
    const move = ({ exact }) => {
      const next = shapes.brushCentre(exact, brushSize, size);
      shapes.between(last, next).forEach(dab);
      last = next;
    };
    const end = (to) => {
      move(to);
      editor.live = null;
      done(mask);
    };
    return { move, up: end, click: end };
  };

  const brush = {
    name: "brush",
    label: "Brush",
    key: "r",
    draws: true,
    hover: true,
    sized: true,
    title: "Paint pixel by pixel; strokes go on with the selected painting",
    hint: "Paint with the pointer. [ and ] change the size, Escape begins another region.",
    down(editor, pen) {
      const { current, selected, size } = editor;
      const goesOn = current?.kind === "brush";
      return stroke(editor, pen, {
        mask: goesOn ? shapes.decode(current.rle).slice() : new Uint8Array(size.width * size.height),
        colour: sayo.regionColour(goesOn ? current : {}),
        value: 1,
        shown: goesOn ? selected : -1,
        done(mask) {
          const region = shapes.brush(mask, size, goesOn ? current : {});
          if (goesOn) editor.put(selected, region);
          else editor.add(region);
        },
      });
    },
  };

  const erase = {
    name: "erase",
    label: "Erase",
    key: "e",
    draws: true,
    hover: true,
    sized: true,
    title: "Take pixels away from the selected region, or from the one under the pointer",
    hint: "Take pixels away from a region; a box or polygon becomes a painting then. [ and ] change the size.",
    down(editor, pen) {
      const index = editor.current ? editor.selected : editor.hit(pen);
      const region = editor.regions[index];
      if (!region) return { click: () => editor.clicked(pen) };
      return stroke(editor, pen, {
        mask: shapes.rasterise(region, editor.size).slice(),
        colour: sayo.regionColour(region),
        value: 0,
        shown: index,
        done(mask) {
          const before = shapes.rasterise(region, editor.size);
          if (mask.every((value, i) => value === before[i])) return editor.select(index);
          const left = shapes.brush(mask, editor.size, region);
          if (left) editor.put(index, left);
          else editor.remove(index);
        },
      });
    },
  };

  sayo.tools = { select, box, polygon, brush, erase, withCorner };
  sayo.toolNames = ["select", "box", "polygon", "brush", "erase"];
})();
