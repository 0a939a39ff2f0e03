/* Boxes on a picture, drawn with a mouse, a pen or a finger.
 *
 * All coordinates are whole pixels of the original picture: the layer lies exactly over the shown
 * picture, so a pointer position scales by picture width / layer width, whatever the zoom.
 * Drag on free ground: a new box. Click: select. Drag the selected box: move. Drag a handle: resize.
 */
(() => {
  const sayo = (window.sayo ??= {});
  const HANDLES = ["nw", "n", "ne", "e", "se", "s", "sw", "w"];
  const CLICK_SLACK = 3; // screen pixels a click may tremble

  const el = (sayo.el = (tag, className, text) => {
    const node = document.createElement(tag);
    if (className) node.className = className;
    if (text !== undefined) node.textContent = text; // never innerHTML: text comes from people and models
    return node;
  });

  sayo.RegionEditor = class {
    constructor(layer, onChange, onSpot) {
      this.layer = layer;
      this.onChange = onChange; // (committed: boolean) after every change of boxes or selection
      this.onSpot = onSpot; // (x, y) after a click where no box is
      this.enabled = true;
      this.size = { width: 0, height: 0 };
      this.reset([]);
      layer.addEventListener("pointerdown", (event) => this.down(event));
      layer.addEventListener("pointermove", (event) => this.move(event));
      layer.addEventListener("pointerup", (event) => this.up(event));
      layer.addEventListener("pointercancel", () => this.cancel());
    }

    reset(regions) {
      this.regions = regions.map((region) => ({ ...region }));
      this.past = [];
      this.future = [];
      this.selected = -1;
      this.drag = null;
      this.draw();
    }

    commit(regions, selected) {
      this.past.push(this.regions);
      this.future = [];
      this.regions = regions;
      this.selected = selected;
      this.draw();
      this.onChange(true);
    }

    select(index) {
      this.selected = index;
      this.draw();
      this.onChange(false);
    }

    remove(index = this.selected) {
      if (index < 0 || index >= this.regions.length) return false;
      this.commit(this.regions.filter((_, i) => i !== index), -1);
      return true;
    }

    setStep(index, step) {
      this.commit(this.regions.map((region, i) => (i === index ? { ...region, step } : region)), index);
    }

    undo() {
      this.travel(this.past, this.future);
    }

    redo() {
      this.travel(this.future, this.past);
    }

    travel(from, to) {
      if (!from.length) return;
      to.push(this.regions);
      this.regions = from.pop();
      this.selected = -1;
      this.draw();
      this.onChange(true);
    }

    nudge(dx, dy) {
      const region = this.regions[this.selected];
      if (!region) return false;
      const box = this.shifted(region.box_xyxy, dx, dy);
      this.commit(this.regions.map((r, i) => (i === this.selected ? { ...r, box_xyxy: box } : r)), this.selected);
      return true;
    }

    point(event) {
      const rect = this.layer.getBoundingClientRect();
      const { width, height } = this.size;
      const clamp = (value, most) => Math.min(Math.max(value, 0), most);
      return [
        clamp(Math.round(((event.clientX - rect.left) * width) / rect.width), width),
        clamp(Math.round(((event.clientY - rect.top) * height) / rect.height), height),
      ];
    }

    shifted([x0, y0, x1, y1], dx, dy) {
      const { width, height } = this.size;
      const x = Math.min(Math.max(x0 + dx, 0), width - (x1 - x0));
      const y = Math.min(Math.max(y0 + dy, 0), height - (y1 - y0));
      return [x, y, x + x1 - x0, y + y1 - y0];
    }

    hit([x, y]) {
      for (let i = this.regions.length - 1; i >= 0; i--) {
        const [x0, y0, x1, y1] = this.regions[i].box_xyxy;
        if (x >= x0 && x <= x1 && y >= y0 && y <= y1) return i;
      }
      return -1;
    }

    down(event) {
      if (event.button !== 0 || !this.size.width || this.drag) return;
      const start = this.point(event);
      if (!this.enabled) return this.onSpot(...start);
      const current = this.regions[this.selected];
      const handle = event.target.dataset?.handle;
      const inside = current && this.hit(start) >= 0 && within(start, current.box_xyxy);
      const kind = handle && current ? "resize" : inside ? "move" : "draw";
      this.drag = { kind, handle, start, screen: [event.clientX, event.clientY], box: current?.box_xyxy, now: null };
      this.layer.setPointerCapture(event.pointerId);
      this.layer.closest("[tabindex]")?.focus({ preventScroll: true }); // so that Delete and arrows work at once
      event.preventDefault();
    }

    move(event) {
      if (!this.drag) return;
      this.drag.now = this.dragged(this.point(event));
      this.draw();
    }

    up(event) {
      if (!this.drag) return;
      const { kind, screen, start } = this.drag;
      const box = this.dragged(this.point(event));
      const far = Math.hypot(event.clientX - screen[0], event.clientY - screen[1]);
      this.drag = null;
      if (far < CLICK_SLACK) {
        const index = this.hit(start);
        this.select(index);
        if (index < 0) this.onSpot(...start);
        return;
      }
      if (box[2] <= box[0] || box[3] <= box[1]) return this.draw(); // a line has no area
      if (kind === "draw") {
        const region = { kind: "box", box_xyxy: box, points_xy: [], label: "", step: null, look: true };
        return this.commit([...this.regions, region], this.regions.length);
      }
      const moved = { ...this.regions[this.selected], box_xyxy: box };
      this.commit(this.regions.map((r, i) => (i === this.selected ? moved : r)), this.selected);
    }

    cancel() {
      this.drag = null;
      this.draw();
    }

    dragged([x, y]) {
      const { kind, handle, start, box } = this.drag;
      if (kind === "draw") return ordered(start[0], start[1], x, y);
      if (kind === "move") return this.shifted(box, x - start[0], y - start[1]);
      let [x0, y0, x1, y1] = box;
      if (handle.includes("w")) x0 = x;
      if (handle.includes("e")) x1 = x;
      if (handle.includes("n")) y0 = y;
      if (handle.includes("s")) y1 = y;
      return ordered(x0, y0, x1, y1);
    }

    draw() {
      this.layer.replaceChildren();
      this.regions.forEach((region, index) => {
        const active = index === this.selected;
        const box = active && this.drag?.now && this.drag.kind !== "draw" ? this.drag.now : region.box_xyxy;
        const node = this.box(box, active ? "sv-box is-selected" : "sv-box", String(index + 1));
        node.dataset.index = index;
        if (active && this.enabled) {
          for (const name of HANDLES) {
            const handle = el("span", `sv-handle sv-handle-${name}`);
            handle.dataset.handle = name;
            node.append(handle);
          }
        }
        this.layer.append(node);
      });
      if (this.drag?.kind === "draw" && this.drag.now) this.layer.append(this.box(this.drag.now, "sv-box is-draft", ""));
    }

    box(box_xyxy, className, label) {
      return sayo.boxNode(box_xyxy, this.size, className, label);
    }
  };

  const within = ([x, y], [x0, y0, x1, y1]) => x >= x0 && x <= x1 && y >= y0 && y <= y1;
  const ordered = (xa, ya, xb, yb) => [Math.min(xa, xb), Math.min(ya, yb), Math.max(xa, xb), Math.max(ya, yb)];

  /* A box as a node placed in per cent of the picture, so that it needs no layout figures. */
  sayo.boxNode = ([x0, y0, x1, y1], { width, height }, className, label) => {
    const node = el("div", className);
    const percent = (value, whole) => `${(100 * value) / whole}%`;
    Object.assign(node.style, {
      left: percent(x0, width),
      top: percent(y0, height),
      width: percent(x1 - x0, width),
      height: percent(y1 - y0, height),
    });
    if (label) node.append(el("span", "sv-tag", label));
    return node;
  };
})();
