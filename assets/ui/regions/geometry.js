/* Geometry of regions, in whole pixels of the original picture. Pure: nothing here touches the page.
 *
 * A region is {kind, box_xyxy, points_xy, label, step, look} and for a brush also rle = {size: [height, width],
 * counts}: COCO's run lengths, read column by column, unset pixels first. A mask is a byte a pixel, row by row.
 * As in sayo_app/core/geometry/region.py: a pixel belongs to a region that holds its centre, polygons by the even-odd rule.
 */
(() => {
  const sayo = (window.sayo ??= {});
  const clamp = (value, low, high) => Math.min(Math.max(value, low), high);
  const ordered = (xa, ya, xb, yb) => [Math.min(xa, xb), Math.min(ya, yb), Math.max(xa, xb), Math.max(ya, yb)];
  const plain = { points_xy: [], label: "", step: null, look: true };

  const bounds = (points) => {
    const [xs, ys] = [points.map(([x]) => x), points.map(([, y]) => y)];
    return [Math.min(...xs), Math.min(...ys), Math.max(...xs), Math.max(...ys)];
  };
  const box = (box_xyxy, fields) => ({ ...plain, ...fields, kind: "box", box_xyxy });
  const withPoints = (region, points_xy) => ({ ...region, points_xy, box_xyxy: bounds(points_xy) });
  const polygon = (points_xy, fields) => withPoints({ ...plain, ...fields, kind: "polygon" }, points_xy);

  /* Does anything lie inside by the even-odd rule? Not where all corners lie on one line, nor in an outline that
     is traced twice. As in sayo_app/core/geometry/raster.py: one level between neighbouring corners' heights tells. */
  const hasArea = (points) => {
    const heights = [...new Set(points.map(([, y]) => y))].sort((a, b) => a - b);
    return heights.slice(1).some((height, i) => {
      const found = crossings(points, heights[i] + 0.381966 * (height - heights[i]));
      return found.some((x, k) => k % 2 && x - found[k - 1] > 1e-9);
    });
  };

  // ---- masks

  const encode = (mask, { width, height }) => {
    const counts = [];
    let [run, value] = [0, 0];
    for (let x = 0; x < width; x++)
      for (let i = x; i < width * height; i += width) {
        if (mask[i] !== value) {
          counts.push(run);
          [run, value] = [0, mask[i]];
        }
        run++;
      }
    counts.push(run);
    return { size: [height, width], counts };
  };

  const decoded = new WeakMap(); // masks by their run lengths, which are never changed
  const decode = (rle) => {
    if (decoded.has(rle)) return decoded.get(rle);
    const [height, width] = rle.size;
    const mask = new Uint8Array(width * height);
    let place = 0;
    rle.counts.forEach((count, run) => {
      if (run % 2) for (let k = place; k < place + count; k++) mask[(k % height) * width + Math.floor(k / height)] = 1;
      place += count;
    });
    decoded.set(rle, mask);
    return mask;
  };

  /* The smallest box round the set pixels; null where none is. */
  const maskBox = (mask, { width, height }) => {
    let [x0, y0, x1, y1] = [width, height, 0, 0];
    for (let y = 0, i = 0; y < height; y++)
      for (let x = 0; x < width; x++, i++)
        if (mask[i]) {
          if (x < x0) x0 = x;
          if (x >= x1) x1 = x + 1;
          if (y < y0) y0 = y;
          y1 = y + 1;
        }
    return x1 > x0 ? [x0, y0, x1, y1] : null;
  };

  /* A brush region of a mask; null where no pixel is set. */
  const brush = (mask, size, fields) => {
    const box_xyxy = maskBox(mask, size);
    return box_xyxy && { ...plain, ...fields, kind: "brush", points_xy: [], box_xyxy, rle: encode(mask, size) };
  };

  const rasterise = (region, size) => {
    if (region.kind === "brush") return decode(region.rle);
    const { width, height } = size;
    const mask = new Uint8Array(width * height);
    const [x0, y0, x1, y1] = region.box_xyxy.map(Math.round);
    if (region.kind === "box") {
      for (let y = y0; y < y1; y++) mask.fill(1, y * width + x0, y * width + x1);
      return mask;
    }
    const points = region.points_xy;
    for (let y = Math.max(y0 - 1, 0); y < Math.min(y1 + 1, height); y++) {
      const flips = crossings(points, y + 0.5).map((at) => clamp(Math.ceil(at - 0.5), 0, width));
      for (let i = 0; i + 1 < flips.length; i += 2) mask.fill(1, y * width + flips[i], y * width + flips[i + 1]);
    }
    return mask;
  };

  /* Where a polygon's sides cross a level line, from left to right. */
  const crossings = (points, y) => {
    const found = [];
    points.forEach(([ax, ay], i) => {
      const [bx, by] = points[(i + 1) % points.length];
      if (Math.min(ay, by) <= y && y < Math.max(ay, by)) found.push(ax + (y - ay) * ((bx - ax) / (by - ay)));
    });
    return found.sort((a, b) => a - b);
  };

  /* The pixels of a round brush as [y, x from, x to): those whose centre is at most half the size away.
     centre: of a pixel where the size is odd, a corner between pixels where it is even. */
  const stamp = ([cx, cy], brushSize, { width, height }) => {
    const r = brushSize / 2;
    const spans = [];
    for (let y = Math.max(0, Math.ceil(cy - r - 0.5)); y < height && y + 0.5 - cy <= r; y++) {
      const half = Math.sqrt(r * r - (y + 0.5 - cy) ** 2);
      const [from, to] = [Math.max(0, Math.ceil(cx - half - 0.5)), Math.min(width, Math.floor(cx + half - 0.5) + 1)];
      if (to > from) spans.push([y, from, to]);
    }
    return spans;
  };

  const brushCentre = ([x, y], brushSize, { width, height }) =>
    brushSize % 2 ? [clamp(Math.floor(x), 0, width - 1) + 0.5, clamp(Math.floor(y), 0, height - 1) + 0.5] : [Math.round(x), Math.round(y)];

  /* Centres from one to the other, a pixel apart, so that a stroke of one pixel has no gap. */
  const between = ([ax, ay], [bx, by]) => {
    const count = Math.max(Math.abs(bx - ax), Math.abs(by - ay));
    return Array.from({ length: count }, (_, k) => [
      ax + Math.round(((bx - ax) * (k + 1)) / count),
      ay + Math.round(((by - ay) * (k + 1)) / count),
    ]);
  };

  // ---- changes: a new region each

  /* Each pixel of the new picture takes that of the old one which `source` names: (x, y) -> [x, y]. */
  const resampled = (region, size, source) => {
    const [oldHeight, oldWidth] = region.rle.size;
    const [old, mask] = [decode(region.rle), new Uint8Array(size.width * size.height)];
    for (let y = 0, i = 0; y < size.height; y++)
      for (let x = 0; x < size.width; x++, i++) {
        const [sx, sy] = source(x, y);
        if (sx >= 0 && sy >= 0 && sx < oldWidth && sy < oldHeight) mask[i] = old[sy * oldWidth + sx];
      }
    return brush(mask, size, region);
  };

  const moved = (region, dx, dy, size) => {
    const [x0, y0, x1, y1] = region.box_xyxy;
    dx = clamp(dx, -x0, size.width - x1);
    dy = clamp(dy, -y0, size.height - y1);
    if (region.kind === "polygon") return withPoints(region, region.points_xy.map(([x, y]) => [x + dx, y + dy]));
    if (region.kind === "brush") return resampled(region, size, (x, y) => [x - dx, y - dy]);
    return { ...region, box_xyxy: [x0 + dx, y0 + dy, x1 + dx, y1 + dy] };
  };

  /* Stretched into another box; null where that has no area. */
  const resized = (region, to, size) => {
    const [x0, y0, x1, y1] = region.box_xyxy;
    const [u0, v0, u1, v1] = to;
    if (u1 <= u0 || v1 <= v0) return null;
    if (region.kind === "box") return { ...region, box_xyxy: to };
    const [across, down] = [(u1 - u0) / (x1 - x0), (v1 - v0) / (y1 - y0)];
    if (region.kind === "polygon") {
      const points = region.points_xy.map(([x, y]) => [Math.round(u0 + (x - x0) * across), Math.round(v0 + (y - y0) * down)]);
      return hasArea(points) ? withPoints(region, points) : null;
    }
    const inside = (x, y) => x >= u0 && x < u1 && y >= v0 && y < v1;
    return resampled(region, size, (x, y) =>
      inside(x, y) ? [Math.floor(x0 + (x + 0.5 - u0) / across), Math.floor(y0 + (y + 0.5 - v0) / down)] : [-1, -1],
    );
  };

  /* The same region on a picture of another size; null where nothing is left of it. */
  const carried = (region, from, to) => {
    if (from.width === to.width && from.height === to.height) return region;
    const [across, down] = [to.width / from.width, to.height / from.height];
    if (region.kind === "brush")
      return resampled(region, to, (x, y) => [Math.floor((x + 0.5) / across), Math.floor((y + 0.5) / down)]);
    const [x0, y0, x1, y1] = region.box_xyxy;
    const box_xyxy = [x0 * across, y0 * down, x1 * across, y1 * down].map(Math.round);
    return resized(region, box_xyxy, to);
  };

  /* Does the region lie under a point, give or take `slack` pixels? */
  const hits = (region, [x, y], slack, size) => {
    const [x0, y0, x1, y1] = region.box_xyxy;
    if (x < x0 - slack || x > x1 + slack || y < y0 - slack || y > y1 + slack) return false;
    if (region.kind === "box") return x >= x0 && x <= x1 && y >= y0 && y <= y1;
    if (region.kind === "polygon") return nearOutline(region.points_xy, [x, y]) <= slack || crossings(region.points_xy, y).filter((at) => at <= x).length % 2 === 1;
    const mask = decode(region.rle);
    for (let py = Math.max(0, Math.floor(y - slack)); py <= Math.min(size.height - 1, y + slack); py++)
      for (let px = Math.max(0, Math.floor(x - slack)); px <= Math.min(size.width - 1, x + slack); px++)
        if (mask[py * size.width + px]) return true;
    return false;
  };

  const nearOutline = (points, [x, y]) =>
    Math.min(
      ...points.map(([ax, ay], i) => {
        const [bx, by] = points[(i + 1) % points.length];
        const length = (bx - ax) ** 2 + (by - ay) ** 2;
        const along = length ? clamp(((x - ax) * (bx - ax) + (y - ay) * (by - ay)) / length, 0, 1) : 0;
        return Math.hypot(x - ax - along * (bx - ax), y - ay - along * (by - ay));
      }),
    );

  sayo.shapes = {
    clamp, ordered, box, polygon, withPoints, hasArea, brush, rasterise, decode, stamp, brushCentre, between,
    moved, resized, carried, hits, encode,
  };
})();
