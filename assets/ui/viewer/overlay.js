/* Attention maps drawn in the browser: the server sends the maps of an answer once, a byte an image token. */
(() => {
  const sayo = (window.sayo ??= {});
  const PAINT_SIDE = 512; // as in sayo_app/core/geometry/grid.py
  const bytes = (base64) => Uint8Array.from(atob(base64), (character) => character.charCodeAt(0));

  /* Where the image tokens of one picture lie. grid: {grid_hw} or {cells_xyxy}, in pixels of the picture. */
  sayo.Layout = class {
    constructor({ width, height, grid }) {
      this.size = { width, height };
      if (grid.grid_hw) {
        const [rows, columns] = grid.grid_hw;
        Object.assign(this, { rows, columns, height: rows, width: columns, count: rows * columns });
        return;
      }
      const scale = Math.min(1, PAINT_SIDE / Math.max(width, height));
      this.height = Math.max(1, Math.round(height * scale));
      this.width = Math.max(1, Math.round(width * scale));
      this.cells = grid.cells_xyxy;
      this.count = this.cells.length;
      const area = ([x0, y0, x1, y1]) => (x1 - x0) * (y1 - y0);
      const shown = this.cells.map(area).filter((it) => it > 0).length;
      this.spans = this.cells.map((cell) => (area(cell) > 0 ? this.span(cell.map((edge) => edge * scale)) : null));
      this.spread = (this.width * this.height) / shown;
    }

    /* A cell in whole canvas pixels: at least one, and inside the canvas. */
    span([left, top, right, bottom]) {
      const inside = (value, most) => Math.min(Math.max(Math.round(value), 0), most);
      const [x0, y0] = [inside(left, this.width - 1), inside(top, this.height - 1)];
      return [x0, y0, Math.max(inside(right, this.width), x0 + 1), Math.max(inside(bottom, this.height), y0 + 1)];
    }

    /* One number a canvas pixel; cells that overlap are added. */
    painted(values) {
      if (!this.cells) return values;
      const canvas = new Float32Array(this.width * this.height);
      this.spans.forEach((span, index) => {
        if (!span || !values[index]) return;
        const [x0, y0, x1, y1] = span;
        const part = (values[index] * this.spread) / ((x1 - x0) * (y1 - y0));
        for (let y = y0; y < y1; y++) for (let i = y * this.width + x0; i < y * this.width + x1; i++) canvas[i] += part;
      });
      return canvas;
    }

    cell(index) {
      if (this.cells) return this.cells[index];
      const { width, height } = this.size;
      const [row, column] = [Math.floor(index / this.columns), index % this.columns];
      const [w, h] = [width / this.columns, height / this.rows];
      return [column * w, row * h, (column + 1) * w, (row + 1) * h];
    }

    /* The image token under a point; the smallest where several overlap, the nearest where there is none. */
    at(x, y) {
      const { width, height } = this.size;
      if (!this.cells) {
        const place = (value, whole, count) => Math.min(Math.floor((value / whole) * count), count - 1);
        return place(y, height, this.rows) * this.columns + place(x, width, this.columns);
      }
      let [best, least] = [0, Infinity];
      this.cells.forEach(([x0, y0, x1, y1], index) => {
        const inside = x >= x0 && x < x1 && y >= y0 && y < y1;
        const far = Math.hypot((x0 + x1) / 2 - x, (y0 + y1) / 2 - y);
        const rank = inside ? (x1 - x0) * (y1 - y0) : 1e12 * (1 + far);
        if (rank < least) [best, least] = [index, rank];
      });
      return best;
    }
  };

  /* All maps of one way of looking. data: {token, step, answer}, each {bytes, peaks}: map i of n image tokens is
     bytes[i * n ...] / 255 * peaks[i]. */
  sayo.View = class {
    constructor(data, nImages) {
      this.n = nImages;
      this.once = data.scope === "answer"; // one map for the whole answer, whatever is selected
      this.parts = {};
      for (const kind of ["token", "step", "answer"])
        this.parts[kind] = { bytes: bytes(data[kind].bytes), peaks: data[kind].peaks };
    }

    count(kind) {
      return this.parts[kind].peaks.length;
    }

    at(kind, index) {
      const part = this.once ? this.parts.answer : this.parts[kind];
      const place = this.once ? 0 : index;
      if (place < 0 || place >= part.peaks.length) return null;
      return part.bytes.subarray(place * this.n, (place + 1) * this.n);
    }

    /* How much each token looked at one image token. */
    column(cell) {
      const { bytes: all, peaks } = this.parts.token;
      return peaks.map((peak, i) => (all[i * this.n + cell] / 255) * peak);
    }
  };

  // As in sayo_app/core/rendering/overlay.py: where the map is 0 a thin dark veil, so that bright pictures do not swallow it.
  const VEIL = 0.3;
  // 32-bit colours, one a value and strength.
  let table = { strength: -1, colours: null };
  const colours = (strength) => {
    if (table.strength === strength) return table.colours;
    const rgb = (sayo.rgb ??= bytes(sayo.colourTable));
    const built = new Uint8ClampedArray(1024);
    for (let value = 0; value < 256; value++) {
      const opacity = Math.round(strength * (255 * VEIL + (1 - VEIL) * value));
      built.set([rgb[3 * value], rgb[3 * value + 1], rgb[3 * value + 2], opacity], 4 * value);
    }
    table = { strength, colours: new Uint32Array(built.buffer) };
    return table.colours;
  };

  /* Paint one map over several pictures on one scale, so that they can be compared.
     strength 0-1 is the opacity at the highest value of all. */
  sayo.paint = (canvases, layouts, values, strength) => {
    let start = 0;
    const painted = layouts.map((layout) => layout.painted(values.subarray(start, (start += layout.count))));
    let most = 0;
    for (const part of painted) for (let i = 0; i < part.length; i++) if (part[i] > most) most = part[i];
    const palette = colours(strength);
    painted.forEach((part, index) => {
      const { width, height } = layouts[index];
      const canvas = canvases[index];
      if (canvas.width !== width || canvas.height !== height) Object.assign(canvas, { width, height });
      const context = canvas.getContext("2d");
      const image = context.createImageData(width, height);
      const pixels = new Uint32Array(image.data.buffer);
      const scale = most > 0 ? 255 / most : 0;
      for (let i = 0; i < part.length; i++) pixels[i] = palette[Math.round(part[i] * scale)];
      context.putImageData(image, 0, 0);
    });
  };

  /* The map of the newest token while an answer is written. */
  sayo.liveBytes = (base64) => bytes(base64);

  sayo.legend = () => {
    const rgb = (sayo.rgb ??= bytes(sayo.colourTable));
    const stops = [0, 51, 102, 153, 204, 255].map((i) => `rgb(${rgb[3 * i]}, ${rgb[3 * i + 1]}, ${rgb[3 * i + 2]})`);
    return `linear-gradient(90deg, ${stops.join(", ")})`;
  };
  sayo.colourAt = (share) => {
    const rgb = (sayo.rgb ??= bytes(sayo.colourTable));
    const i = 3 * Math.round(255 * Math.min(Math.max(share, 0), 1));
    return `rgb(${rgb[i]}, ${rgb[i + 1]}, ${rgb[i + 2]})`;
  };
})();
