/* How regions look: one node each, placed in per cent of the picture, so that any zoom is exact. */
(() => {
  const sayo = (window.sayo ??= {});
  const { el, shapes } = sayo;
  const HANDLES = ["nw", "n", "ne", "e", "se", "s", "sw", "w"];
  const SVG = "http://www.w3.org/2000/svg";
  const DEFAULT = "#ff3d6e";
  const NOT_HERE = "#8a5cf6";

  sayo.regionColour = (region) => (region.look === false ? NOT_HERE : (region.label && sayo.labelColour(region.label)) || DEFAULT);

  const svg = (tag, attributes) => {
    const node = document.createElementNS(SVG, tag);
    for (const [name, value] of Object.entries(attributes)) node.setAttribute(name, value);
    return node;
  };
  sayo.svg = svg;

  /* A box as a node that needs no layout figures. */
  sayo.boxNode = (box_xyxy, size, className, label) => {
    const node = el("div", className);
    place(node, box_xyxy, size);
    if (label) node.append(el("span", "sv-tag", label));
    return node;
  };
  const percent = (value, whole) => `${(100 * value) / whole}%`;
  const place = (node, [x0, y0, x1, y1], { width, height }) =>
    Object.assign(node.style, {
      left: percent(x0, width),
      top: percent(y0, height),
      width: percent(x1 - x0, width),
      height: percent(y1 - y0, height),
    });

  /* The pixels of a mask within a box, a canvas pixel each. */
  sayo.maskCanvas = (mask, [x0, y0, x1, y1], { width }, colour) => {
    const canvas = el("canvas", "sv-mask");
    Object.assign(canvas, { width: x1 - x0, height: y1 - y0 });
    const context = canvas.getContext("2d");
    const image = context.createImageData(canvas.width, canvas.height);
    const pixels = new Uint32Array(image.data.buffer);
    const [r, g, b] = [1, 3, 5].map((i) => parseInt(colour.slice(i, i + 2), 16));
    const [value] = new Uint32Array(new Uint8Array([r, g, b, 255]).buffer);
    for (let y = y0, i = 0; y < y1; y++) for (let x = x0; x < x1; x++, i++) if (mask[y * width + x]) pixels[i] = value;
    context.putImageData(image, 0, 0);
    return canvas;
  };

  const painted = new WeakMap(); // the canvas of a painting, by its run lengths
  const paintedCanvas = (region, size, colour) => {
    const known = painted.get(region.rle);
    if (known?.colour === colour && !known.canvas.isConnected) return known.canvas;
    const canvas = sayo.maskCanvas(shapes.decode(region.rle), region.box_xyxy, size, colour);
    painted.set(region.rle, { colour, canvas });
    return canvas;
  };

  const outline = (points, [x0, y0, x1, y1], closed = true) => {
    const node = svg("svg", { viewBox: `${x0} ${y0} ${x1 - x0 || 1} ${y1 - y0 || 1}`, preserveAspectRatio: "none", class: "sv-outline" });
    const d = `M${points.map((point) => point.join(" ")).join("L")}${closed ? "Z" : ""}`;
    // A light line under the coloured one, so that it shows on any picture.
    node.append(svg("path", { d, class: "sv-line sv-line-under" }), svg("path", { d, class: "sv-line" }));
    return node;
  };

  const regionNode = (editor, region, className, text) => {
    const node = sayo.boxNode(region.box_xyxy, editor.size, `sv-box is-${region.kind} ${className}`, text);
    if (region.look === false) node.classList.add("is-not-here");
    const colour = sayo.regionColour(region);
    node.style.setProperty("--colour", colour);
    if (region.kind === "polygon") node.prepend(outline(region.points_xy, region.box_xyxy));
    if (region.kind === "brush") node.prepend(paintedCanvas(region, editor.size, colour));
    return node;
  };

  const handle = (parent, className, data, left, top) => {
    const node = el("span", className);
    Object.assign(node.dataset, data);
    if (left !== undefined) Object.assign(node.style, { left, top });
    parent.append(node);
    return node;
  };

  const addHandles = (editor, region, node) => {
    for (const name of HANDLES)
      if (region.kind !== "polygon" || name.length === 2) handle(node, `sv-handle sv-handle-${name}`, { handle: name });
    const [x0, y0, x1, y1] = region.box_xyxy;
    const at = ([x, y]) => [percent(x - x0, x1 - x0), percent(y - y0, y1 - y0)];
    region.points_xy.forEach(([x, y], i) => {
      const [nx, ny] = region.points_xy[(i + 1) % region.points_xy.length];
      handle(node, "sv-handle sv-middle", { middle: i }, ...at([(x + nx) / 2, (y + ny) / 2]));
    });
    region.points_xy.forEach((point, i) => {
      const corner = handle(node, "sv-handle sv-vertex", { vertex: i }, ...at(point));
      corner.classList.toggle("is-picked", i === editor.vertex);
    });
  };

  const tag = (region, index) => [String(index + 1), region.label, region.look === false ? "not here" : ""].filter(Boolean).join(" · ");

  sayo.drawRegions = (editor) => {
    const { layer, regions, suggestions, selected, preview, live, draft, size } = editor;
    const nodes = [];
    regions.forEach((region, index) => {
      const active = index === selected;
      const shown = active && preview ? preview : region;
      if (live?.index === index) return;
      const node = regionNode(editor, shown, active ? "is-selected" : "", tag(shown, index));
      node.dataset.index = index;
      if (active && editor.enabled && !editor.tool.sized) addHandles(editor, shown, node);
      nodes.push(node);
    });
    suggestions.forEach((region, index) => nodes.push(regionNode(editor, region, "is-suggestion", `? ${index + 1}`)));
    if (live) nodes.push(live.canvas);
    if (draft?.box) nodes.push(sayo.boxNode(draft.box, size, "sv-box is-draft", ""));
    if (draft?.points) nodes.push(draftPolygon(editor));
    if (editor.enabled && editor.tool.sized && editor.hover) nodes.push(brushRing(editor));
    layer.replaceChildren(...nodes);
  };

  const draftPolygon = ({ draft, hover, size, drag }) => {
    const points = hover && !drag ? [...draft.points, hover.at] : draft.points;
    const whole = [0, 0, size.width, size.height];
    const node = sayo.boxNode(whole, size, "sv-draft", "");
    node.append(outline(points, whole, false));
    for (const [x, y] of draft.points) handle(node, "sv-handle sv-vertex", {}, percent(x, size.width), percent(y, size.height));
    return node;
  };

  /* The footprint of the brush: as many pixels across as it has. */
  const brushRing = ({ hover, brushSize, size }) => {
    const [x, y] = shapes.brushCentre(hover.exact, brushSize, size);
    const r = brushSize / 2;
    return sayo.boxNode([x - r, y - r, x + r, y + r], size, brushSize > 3 ? "sv-ring is-round" : "sv-ring", "");
  };
})();
