/* Regions on a picture, drawn with a mouse, a pen or a finger: which there are, which is selected, and the pointer.
 *
 * All coordinates are whole pixels of the original picture: the layer lies exactly over the shown picture, so a
 * pointer position scales by picture width / layer width, whatever the zoom. What a drag does is up to the tool
 * (regions/tools.js); how it looks, to regions/draw.js. Regions are never changed in place, so that the history
 * can keep them.
 *
 * hooks: changed(committed) after every change of regions or selection; spot(x, y) after a click where no region
 * is; pushed(before, after) for the history; pan(dx, dy) in screen pixels.
 */
(() => {
  const sayo = (window.sayo ??= {});
  const CLICK_SLACK = 3; // screen pixels a click may tremble
  const HIT_SLACK = 4; // screen pixels beside a thin line that still count as on it

  sayo.el = (tag, className, text) => {
    const node = document.createElement(tag);
    if (className) node.className = className;
    if (text !== undefined) node.textContent = text; // never innerHTML: text comes from people and models
    return node;
  };

  sayo.RegionEditor = class {
    constructor(layer, hooks) {
      Object.assign(this, { layer, hooks, enabled: true, tool: sayo.tools.box, brushSize: 0 });
      this.size = { width: 0, height: 0 };
      this.reset([]);
      layer.addEventListener("pointerdown", (event) => this.down(event));
      layer.addEventListener("pointermove", (event) => this.move(event));
      layer.addEventListener("pointerup", (event) => this.up(event));
      layer.addEventListener("pointercancel", () => this.cancel());
      layer.addEventListener("pointerleave", () => this.leave());
    }

    get current() {
      return this.regions[this.selected];
    }

    /* Other regions than before, with nothing selected or begun. */
    reset(regions) {
      this.suggestions = [];
      this.replace(regions);
    }

    replace(regions) {
      this.regions = [...regions];
      Object.assign(this, { selected: -1, vertex: -1, drag: null, preview: null, draft: null, live: null });
      this.draw();
    }

    commit(regions, selected, vertex = -1) {
      const before = this.regions;
      Object.assign(this, { regions, selected, vertex, preview: null, live: null });
      this.hooks.pushed(before, regions);
      this.draw();
      this.hooks.changed(true);
    }

    select(index, vertex = -1) {
      Object.assign(this, { selected: index, vertex });
      this.draw();
      this.hooks.changed(false);
    }

    setTool(name) {
      this.cancel();
      this.draft = null;
      this.tool = sayo.tools[name];
      this.draw();
      this.hooks.changed(false);
    }

    // ---- changes

    add(...regions) {
      this.commit([...this.regions, ...regions], this.regions.length + regions.length - 1);
    }

    put(index, region, vertex = -1) {
      this.commit(this.regions.map((it, i) => (i === index ? region : it)), index, vertex);
    }

    remove(index = this.selected) {
      if (index < 0 || index >= this.regions.length) return false;
      this.commit(this.regions.filter((_, i) => i !== index), -1);
      return true;
    }

    /* Delete and Backspace: the last corner of a polygon that is being drawn, a selected corner, or the region. */
    removeMarked() {
      if (this.draft) return this.takeBack();
      if (this.vertex >= 0) return this.removeVertex(this.vertex);
      return this.remove();
    }

    takeBack() {
      this.draft.points.pop();
      if (!this.draft.points.length) this.draft = null;
      this.draw();
      return true;
    }

    removeVertex(index) {
      const points = this.current.points_xy.filter((_, i) => i !== index);
      if (points.length >= 3 && sayo.shapes.hasArea(points)) this.put(this.selected, sayo.shapes.withPoints(this.current, points));
      return true;
    }

    /* Change fields of a region: label, step, look. */
    set(index, fields) {
      const region = this.regions[index];
      if (region && Object.keys(fields).some((name) => region[name] !== fields[name])) this.put(index, { ...region, ...fields });
      return Boolean(region);
    }

    duplicate() {
      if (!this.current) return false;
      const by = Math.max(1, Math.round(Math.max(this.size.width, this.size.height) / 40));
      const [, , x1, y1] = this.current.box_xyxy;
      const [dx, dy] = [x1 + by > this.size.width ? -by : by, y1 + by > this.size.height ? -by : by];
      this.add(sayo.shapes.moved(this.current, dx, dy, this.size));
      return true;
    }

    nudge(dx, dy) {
      if (!this.current) return false;
      if (this.vertex < 0) this.put(this.selected, sayo.shapes.moved(this.current, dx, dy, this.size));
      else {
        const [x, y] = this.current.points_xy[this.vertex];
        const to = [sayo.shapes.clamp(x + dx, 0, this.size.width), sayo.shapes.clamp(y + dy, 0, this.size.height)];
        this.put(this.selected, sayo.tools.withCorner(this.current, this.vertex, to), this.vertex);
      }
      return true;
    }

    /* Suggestions are no regions until they are accepted. */
    settle(index, accept) {
      const region = this.suggestions[index];
      this.suggestions = this.suggestions.filter((_, i) => i !== index);
      if (accept) return this.add(region);
      this.draw();
      this.hooks.changed(false);
    }

    // ---- pointer

    /* Where the pointer is: `exact` in picture pixels, `at` the nearest whole ones, `scale` screen pixels each. */
    pen(event) {
      const rect = this.layer.getBoundingClientRect();
      const { width, height } = this.size;
      const exact = [
        sayo.shapes.clamp(((event.clientX - rect.left) * width) / rect.width, 0, width),
        sayo.shapes.clamp(((event.clientY - rect.top) * height) / rect.height, 0, height),
      ];
      const { target, altKey, pointerType } = event;
      const scale = rect.width / width;
      return { exact, at: exact.map(Math.round), scale, screen: [event.clientX, event.clientY], target, altKey, pointerType };
    }

    hit(pen) {
      const slack = HIT_SLACK / pen.scale;
      for (let i = this.regions.length - 1; i >= 0; i--)
        if (sayo.shapes.hits(this.regions[i], pen.exact, slack, this.size)) return i;
      return -1;
    }

    clicked(pen) {
      const index = this.hit(pen);
      this.select(index);
      if (index < 0) this.hooks.spot(...pen.at);
    }

    down(event) {
      if (event.button !== 0 || !this.size.width || this.drag) return;
      const pen = this.pen(event);
      if (!this.enabled) return this.hooks.spot(...pen.at);
      this.layer.closest("[tabindex]")?.focus({ preventScroll: true }); // so that Delete and arrows work at once
      this.layer.setPointerCapture(event.pointerId);
      this.drag = { start: pen, ...this.tool.down(this, pen) };
      event.preventDefault();
      this.draw();
    }

    move(event) {
      if (!this.size.width) return;
      const pen = (this.hover = this.pen(event));
      if (this.drag) this.drag.move?.(pen);
      else if (!this.tool.hover || !this.enabled) return;
      this.draw();
    }

    up(event) {
      if (!this.drag) return;
      const pen = this.pen(event);
      const { start, up, click } = this.drag;
      const far = Math.hypot(pen.screen[0] - start.screen[0], pen.screen[1] - start.screen[1]) >= CLICK_SLACK;
      Object.assign(this, { drag: null, preview: null });
      if (far) up?.(pen);
      else (click || (() => this.clicked(start)))(pen);
      this.draw();
    }

    cancel() {
      this.drag?.cancel?.();
      Object.assign(this, { drag: null, preview: null, live: null });
      this.draw();
    }

    leave() {
      this.hover = null;
      if (!this.drag) this.draw();
    }

    draw() {
      sayo.drawRegions(this);
    }
  };
})();
