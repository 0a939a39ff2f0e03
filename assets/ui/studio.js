/* sources f76e9689c991eb6cb14383c24fc3a32da4ab50209e29827e99d8357e9f69a024, text ec7651fc88325da1b5ad1305ce0033e9172afdf665bec6c3f988ef58b5991762: from main.js by `npm run build`. Do not change it here. */
"use strict";
(() => {
  // shared/pulse.js
  var PAUSE_MS = 5e3;
  var PATIENCE_MS = 15e3;
  var ROOM_MS = 2e3;
  var ROOM = "room";
  var PAGE = {
    fetchMark: async (path, signal) => {
      const answer = await fetch(path, { cache: "no-store", signal });
      if (!answer.ok) throw new Error(String(answer.status));
      return (await answer.json()).mark;
    },
    hidden: () => document.hidden,
    onVisibility: (act) => document.addEventListener("visibilitychange", act),
    onAction: (act) => {
      document.addEventListener("click", act, true);
      document.addEventListener("keydown", (event) => event.key === "Enter" && act(), true);
    },
    rest: (ms) => new Promise((done) => setTimeout(done, ms))
  };
  var refresh = () => {
  };
  var beat = () => refresh();
  var mountPulse = ({ props, trigger, watch }, event, world = PAGE) => {
    const shown2 = () => props.value || "";
    let asking = false;
    let request = new AbortController();
    let waits = false;
    let come = () => {
    };
    watch("value", () => come());
    refresh = () => trigger(event, { mark: shown2() });
    const follow = (mark2) => {
      const there = new Promise((done) => {
        come = done;
      });
      trigger(event, { mark: mark2 });
      return Promise.race([there, world.rest(PATIENCE_MS)]);
    };
    const listen = async () => {
      if (asking) return;
      asking = true;
      while (!world.hidden()) {
        request = new AbortController();
        waits = false;
        const { signal } = request;
        void world.rest(ROOM_MS).then(() => {
          if (request.signal === signal) waits = true;
        });
        try {
          const mark2 = await world.fetchMark(`pulse?seen=${shown2()}`, signal);
          if (mark2 !== shown2()) await follow(mark2);
        } catch {
          if (!signal.aborted) await world.rest(PAUSE_MS);
          else if (signal.reason === ROOM) await world.rest(ROOM_MS);
        }
      }
      asking = false;
    };
    world.onAction(() => waits && request.abort(ROOM));
    world.onVisibility(() => world.hidden() ? request.abort() : void listen());
    void listen();
  };

  // shared/viewers.js
  var viewers = {};
  var groups = {};

  // shared/fields.js
  var field = (elemId) => document.querySelector(`#${elemId} textarea, #${elemId} input`);
  var setField = (elemId, text) => {
    const node = field(elemId);
    if (!node || node.value === text) return;
    node.value = text;
    node.dispatchEvent(new Event("input", { bubbles: true }));
  };
  var followField = (elemId, viewer) => {
    const { history } = viewer;
    let applying = false;
    let before = "";
    const apply = (text) => {
      applying = true;
      setField(elemId, text);
      applying = false;
      before = text;
      viewer.autosave();
    };
    const isField = (target) => target !== null && target === field(elemId);
    document.addEventListener("focusin", ({ target }) => {
      if (isField(target)) before = target.value;
    });
    document.addEventListener("input", ({ target }) => {
      if (applying || !isField(target) || target.value === before) return;
      const last2 = history.past.at(-1);
      if (last2?.field === elemId && last2.after === before && !beginsWord(before, target.value))
        last2.after = target.value;
      else history.push({ field: elemId, before, after: target.value, apply });
      before = target.value;
      viewer.autosave();
    });
    document.addEventListener(
      "keydown",
      (event) => {
        if (!isField(event.target) || !(event.ctrlKey || event.metaKey) || !/^[zy]$/i.test(event.key)) return;
        event.preventDefault();
        event.stopPropagation();
        history.travel(viewer, event);
      },
      true
    );
  };
  var beginsWord = (before, after) => /\S$/.test(before) && /\s$/.test(after);

  // drafts/contents.js
  var mark = (region) => JSON.stringify(Object.entries(region).sort(([one], [other]) => one < other ? -1 : 1));
  var missing = (there, regions) => {
    const known = new Set(there.map(mark));
    return regions.filter((it) => !known.has(mark(it)));
  };
  var covers = (one, other) => !missing(one.regions, other.regions).length && one.regions.length === other.regions.length && (!other.answer || other.answer === one.answer);
  var isHere = (here, draft, revises) => {
    if (revises) return covers(here, draft) && draft.answer === here.answer;
    return !missing(here.regions, draft.regions).length && (!draft.answer || draft.answer === here.answer);
  };
  var amount = ({ regions, answer }) => `${regions.length === 1 ? "1 region" : `${regions.length} regions`}${answer ? " and an answer" : ""}`;
  var moment = (at2) => `${String(at2).slice(0, 16).replace("T", " ")} UTC`;

  // drafts/kept.js
  var PREFIX = "sayo.draft.";
  var BROWSER = "sayo.browser";
  var MOST = 20;
  var numbered = () => [...crypto.getRandomValues(new Uint8Array(16))].map((it) => it.toString(16).padStart(2, "0")).join("");
  var tab = numbered();
  var placeOf = (copy) => `${PREFIX}${copy.key}.${copy.tab}`;
  var isCopy = (it) => it && Array.isArray(it.regions) && typeof it.answer === "string" && typeof it.key === "string";
  var read = (place) => {
    try {
      const copy = JSON.parse(localStorage.getItem(place) ?? "null");
      return isCopy(copy) ? copy : null;
    } catch {
      return null;
    }
  };
  var all = () => {
    try {
      const places = Object.keys(localStorage).filter((it) => it.startsWith(PREFIX));
      const copies = places.map(read).filter((it) => it !== null);
      return copies.sort((one, other) => one.at < other.at ? 1 : -1);
    } catch {
      return [];
    }
  };
  var copiesOf = (key) => all().filter((it) => it.key === key);
  var put = (copy) => {
    try {
      localStorage.setItem(placeOf(copy), JSON.stringify(copy));
    } catch {
      return false;
    }
    all().slice(MOST).forEach(drop);
    return true;
  };
  var drop = (copy) => {
    try {
      localStorage.removeItem(placeOf(copy));
    } catch {
    }
  };
  var numberOfBrowser = () => {
    try {
      const known = localStorage.getItem(BROWSER) || "";
      if (/^[0-9a-f]{32}$/.test(known)) return known;
      localStorage.setItem(BROWSER, tab);
    } catch {
    }
    return tab;
  };
  var browser = numberOfBrowser();

  // drafts/autosave.js
  var PAUSE_MS2 = 300;
  var AGAIN_MS = 4e3;
  var LOST = "The server does not reply. This browser keeps what you draw.";
  var LOST_FOR_GOOD = "The server does not reply, and this browser has no room to keep what you draw.";
  var states = {};
  var asked = 0;
  var newState = () => ({
    version: 0,
    offer: null,
    copies: [],
    conflict: "",
    note: "",
    lost: "",
    key: "",
    open: 0,
    timer: null,
    again: void 0
  });
  var stateOf = ({ value }) => {
    states[value.id] ??= newState();
    return states[value.id];
  };
  var draftOf = ({ options, value }) => options.drafts && value.draft || null;
  var typed = ({ options }, name) => options.drafts && field(options.drafts[name])?.value || "";
  var ask = (viewer, op, more) => viewer.trigger("draft", {
    id: viewer.value.id,
    op,
    revision: ++asked,
    tab,
    browser,
    author: typed(viewer, "author"),
    ...more
  });
  var askDraft = (viewer) => {
    viewer.fillDraft();
    if (draftOf(viewer)) ask(viewer, "load");
  };
  var autosave = (viewer) => {
    const draft = draftOf(viewer);
    if (!draft) return;
    const state = stateOf(viewer);
    const inBrowser = keep(copyOf(viewer, draft), draft.revises !== null);
    if (state.timer) clearTimeout(state.timer);
    if (state.conflict) return;
    state.note = "Saving the draft …";
    state.lost = inBrowser ? LOST : LOST_FOR_GOOD;
    state.key = draft.key;
    const { id } = viewer.value;
    const last2 = contentOf(viewer);
    state.timer = setTimeout(() => {
      state.timer = null;
      if (viewer.value.id === id) send(viewer);
      else ask(viewer, "save", { id, version: state.version, content: last2 });
    }, PAUSE_MS2);
    viewer.fillDraft();
  };
  var contentOf = (viewer) => {
    const { offer } = stateOf(viewer);
    const answer = typed(viewer, "answer") || offer?.answer || "";
    return { regions: viewer.allRegions(), answer, earlier: offer?.regions || [] };
  };
  var copyOf = (viewer, { key, name }) => {
    const { regions, answer } = contentOf(viewer);
    const { version } = stateOf(viewer);
    const at2 = (/* @__PURE__ */ new Date()).toISOString();
    return { key, name, tab, author: typed(viewer, "author"), version, regions, answer, at: at2 };
  };
  var keep = (copy, revises) => {
    if (revises || copy.regions.length || copy.answer) return put(copy);
    forget(copy);
    return true;
  };
  var send = (viewer) => {
    const state = stateOf(viewer);
    const { id } = viewer.value;
    ask(viewer, "save", { version: state.version, content: contentOf(viewer) });
    state.open++;
    clearTimeout(state.again);
    state.again = setTimeout(() => {
      state.open = 0;
      state.note = state.lost;
      viewer.fillDraft();
      if (viewer.root.isConnected && viewer.value.id === id) send(viewer);
    }, AGAIN_MS);
  };
  var showDraft = (viewer, reply) => {
    if (!reply) return;
    if (reply.id !== viewer.value.id) return leftBehind(reply);
    const state = stateOf(viewer);
    if (reply.op !== "load") state.open = Math.max(state.open - 1, 0);
    if (!state.open) clearTimeout(state.again);
    if (reply.conflict && state.timer) clearTimeout(state.timer);
    const { content, when } = reply;
    const there = content ? { regions: [...content.regions, ...content.earlier || []], answer: content.answer, when } : null;
    if (reply.conflict)
      Object.assign(state, { conflict: reply.conflict, version: reply.version, offer: there, note: "" });
    else if (reply.off) state.note = reply.off;
    else if (reply.op === "load") found(viewer, state, reply.version, there);
    else saved(viewer, state, reply.version);
    viewer.fillDraft();
  };
  var saved = (viewer, state, version) => {
    state.version = version;
    if (state.timer || state.open) return;
    state.note = "Draft saved";
    const draft = draftOf(viewer);
    if (draft) forgetOwn(draft.key);
  };
  var leftBehind = (reply) => {
    const state = states[reply.id];
    if (reply.op !== "save" || reply.conflict || reply.off || !state?.key || state.timer) return;
    clearTimeout(state.again);
    forgetOwn(state.key);
  };
  var found = (viewer, state, version, there) => {
    if (version) state.version = version;
    const draft = draftOf(viewer);
    if (!draft) return;
    const revises = draft.revises !== null;
    const here = { regions: viewer.allRegions(), answer: typed(viewer, "answer") };
    const shown2 = (it) => isHere(here, it, revises);
    const stored2 = (it) => there && covers(there, it) || revises && shown2(it);
    forget(...copiesOf(draft.key).filter(stored2));
    state.copies = copiesOf(draft.key).filter((it) => !shown2(it));
    const author = typed(viewer, "author");
    const newer = state.copies.some((it) => it.version === version && it.author === author);
    state.offer = there && !newer && !shown2(there) ? there : null;
  };
  var fillIdle = () => {
    for (const viewer of Object.values(viewers))
      if (viewer.options.drafts && !draftOf(viewer)) viewer.fillDraft();
  };
  var followed = false;
  var followStorage = () => {
    if (!followed) window.addEventListener("storage", fillIdle);
    followed = true;
  };
  var forget = (...copies) => {
    copies.forEach(drop);
    if (copies.length) fillIdle();
  };
  var forgetOwn = (key) => forget(...copiesOf(key).filter((it) => it.tab === tab));
  var takeUp = ({ editor, options }, { regions, answer }, instead) => {
    const more = missing(editor.regions, regions);
    if (instead) editor.commit(regions, -1);
    else if (more.length) editor.add(...more);
    if (answer && options.drafts) setField(options.drafts.answer, answer);
  };
  var settle = (viewer, choose) => {
    const state = stateOf(viewer);
    const { offer, conflict } = state;
    Object.assign(state, { offer: null, conflict: "" });
    if (choose && offer) takeUp(viewer, offer, Boolean(conflict) || draftOf(viewer)?.revises !== null);
    autosave(viewer);
    settled(viewer);
  };
  var settleCopy = (viewer, copy, choose) => {
    const state = stateOf(viewer);
    state.copies = state.copies.filter((it) => it !== copy);
    forget(copy);
    if (choose) {
      takeUp(viewer, copy, draftOf(viewer)?.revises !== null);
      autosave(viewer);
    }
    settled(viewer);
  };
  var settled = (viewer) => {
    viewer.fillDraft();
    viewer.root.focus({ preventScroll: true });
  };

  // shared/numbers.js
  var clamp = (value, low, high) => Math.min(Math.max(value, low), high);
  var sum = (values) => {
    let total = 0;
    for (const value of values) total += value;
    return total;
  };

  // maps/bytes.js
  var bytesOf = (base64) => Uint8Array.from(atob(base64), (character) => character.charCodeAt(0));

  // maps/colours.js
  var VEIL = 0.3;
  var rgb = new Uint8Array(3 * 256);
  var table = { strength: -1, colours: new Uint32Array(256) };
  var useColours = (base64) => {
    rgb = bytesOf(base64);
    table = { strength: -1, colours: new Uint32Array(256) };
  };
  var palette = (strength) => {
    if (table.strength === strength) return table.colours;
    const built = new Uint8ClampedArray(1024);
    for (let value = 0; value < 256; value++) {
      const opacity = Math.round(strength * (255 * VEIL + (1 - VEIL) * value));
      built.set([...rgb.subarray(3 * value, 3 * value + 3), opacity], 4 * value);
    }
    table = { strength, colours: new Uint32Array(built.buffer) };
    return table.colours;
  };
  var css = (value) => `rgb(${rgb.subarray(3 * value, 3 * value + 3).join(", ")})`;
  var colourAt = (share) => css(Math.round(255 * clamp(share, 0, 1)));
  var legend = () => `linear-gradient(90deg, ${[0, 51, 102, 153, 204, 255].map(css).join(", ")})`;

  // regions/masks.js
  var encode = (mask, { width, height }) => {
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
  var decoded = /* @__PURE__ */ new WeakMap();
  var decode = (rle) => {
    const known = decoded.get(rle);
    if (known) return known;
    const [height, width] = rle.size;
    const mask = new Uint8Array(width * height);
    let place = 0;
    rle.counts.forEach((count, run) => {
      if (run % 2)
        for (let k = place; k < place + count; k++) mask[k % height * width + Math.floor(k / height)] = 1;
      place += count;
    });
    decoded.set(rle, mask);
    return mask;
  };
  var maskBox = (mask, { width, height }) => {
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
  var resampled = (rle, size, source) => {
    const [oldHeight, oldWidth] = rle.size;
    const [old, mask] = [decode(rle), new Uint8Array(size.width * size.height)];
    for (let y = 0, i = 0; y < size.height; y++)
      for (let x = 0; x < size.width; x++, i++) {
        const [sx, sy] = source(x, y);
        if (sx >= 0 && sy >= 0 && sx < oldWidth && sy < oldHeight) mask[i] = old[sy * oldWidth + sx];
      }
    return mask;
  };
  var stamp = ([cx, cy], brushSize, { width, height }) => {
    const r = brushSize / 2;
    const spans = [];
    for (let y = Math.max(0, Math.ceil(cy - r - 0.5)); y < height && y + 0.5 - cy <= r; y++) {
      const half = Math.sqrt(r * r - (y + 0.5 - cy) ** 2);
      const from = Math.max(0, Math.ceil(cx - half - 0.5));
      const to = Math.min(width, Math.floor(cx + half - 0.5) + 1);
      if (to > from) spans.push([y, from, to]);
    }
    return spans;
  };
  var brushCentre = ([x, y], brushSize, { width, height }) => brushSize % 2 ? [clamp(Math.floor(x), 0, width - 1) + 0.5, clamp(Math.floor(y), 0, height - 1) + 0.5] : [Math.round(x), Math.round(y)];
  var between = ([ax, ay], [bx, by]) => {
    const count = Math.max(Math.abs(bx - ax), Math.abs(by - ay));
    return Array.from({ length: count }, (_, k) => [
      ax + Math.round((bx - ax) * (k + 1) / count),
      ay + Math.round((by - ay) * (k + 1) / count)
    ]);
  };

  // regions/outlines.js
  var bounds = (points) => {
    const [xs, ys] = [points.map(([x]) => x), points.map(([, y]) => y)];
    return [Math.min(...xs), Math.min(...ys), Math.max(...xs), Math.max(...ys)];
  };
  var crossings = (points, y) => {
    const found2 = [];
    points.forEach(([ax, ay], i) => {
      const [bx, by] = points[(i + 1) % points.length];
      if (Math.min(ay, by) <= y && y < Math.max(ay, by)) found2.push(ax + (y - ay) * ((bx - ax) / (by - ay)));
    });
    return found2.sort((a, b) => a - b);
  };
  var hasArea = (points) => {
    const heights = [...new Set(points.map(([, y]) => y))].sort((a, b) => a - b);
    return heights.slice(1).some((height, i) => {
      const found2 = crossings(points, heights[i] + 0.381966 * (height - heights[i]));
      return found2.some((x, k) => k % 2 && x - found2[k - 1] > 1e-9);
    });
  };
  var distanceToOutline = (points, [x, y]) => Math.min(
    ...points.map(([ax, ay], i) => {
      const [bx, by] = points[(i + 1) % points.length];
      const length = (bx - ax) ** 2 + (by - ay) ** 2;
      const along = length ? clamp(((x - ax) * (bx - ax) + (y - ay) * (by - ay)) / length, 0, 1) : 0;
      return Math.hypot(x - ax - along * (bx - ax), y - ay - along * (by - ay));
    })
  );

  // regions/geometry.js
  var plain = ({ label = "", step = null, look = true } = {}) => ({ label, step, look });
  var ordered = (xa, ya, xb, yb) => [
    Math.min(xa, xb),
    Math.min(ya, yb),
    Math.max(xa, xb),
    Math.max(ya, yb)
  ];
  var box = (box_xyxy) => ({ ...plain(), kind: "box", box_xyxy, points_xy: [] });
  var polygon = (points_xy) => ({
    ...plain(),
    kind: "polygon",
    points_xy,
    box_xyxy: bounds(points_xy)
  });
  var withPoints = (region, points_xy) => ({ ...region, points_xy, box_xyxy: bounds(points_xy) });
  var withCorner = (region, index, at2) => withPoints(
    region,
    region.points_xy.map((it, i) => i === index ? at2 : it)
  );
  var brush = (mask, size, fields) => {
    const box_xyxy = maskBox(mask, size);
    return box_xyxy && { ...plain(fields), kind: "brush", points_xy: [], box_xyxy, rle: encode(mask, size) };
  };
  var rasterise = (region, size) => {
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
      const flips = crossings(points, y + 0.5).map((at2) => clamp(Math.ceil(at2 - 0.5), 0, width));
      for (let i = 0; i + 1 < flips.length; i += 2)
        mask.fill(1, y * width + flips[i], y * width + flips[i + 1]);
    }
    return mask;
  };
  var moved = (region, dx, dy, size) => {
    const [x0, y0, x1, y1] = region.box_xyxy;
    const [across, down] = [clamp(dx, -x0, size.width - x1), clamp(dy, -y0, size.height - y1)];
    if (region.kind === "brush") {
      const mask = resampled(region.rle, size, (x, y) => [x - across, y - down]);
      return (
        /** @type {Painted} */
        brush(mask, size, region)
      );
    }
    if (region.kind === "polygon")
      return withPoints(
        region,
        region.points_xy.map(([x, y]) => [x + across, y + down])
      );
    return (
      /** @type {Region} */
      { ...region, box_xyxy: [x0 + across, y0 + down, x1 + across, y1 + down] }
    );
  };
  var resized = (region, to, size) => {
    const [x0, y0, x1, y1] = region.box_xyxy;
    const [u0, v0, u1, v1] = to;
    if (u1 <= u0 || v1 <= v0) return null;
    if (region.kind === "box") return { ...region, box_xyxy: to };
    const [across, down] = [(u1 - u0) / (x1 - x0), (v1 - v0) / (y1 - y0)];
    if (region.kind === "polygon") {
      const points = region.points_xy.map(([x, y]) => [
        Math.round(u0 + (x - x0) * across),
        Math.round(v0 + (y - y0) * down)
      ]);
      return hasArea(points) ? withPoints(region, points) : null;
    }
    const mask = resampled(
      region.rle,
      size,
      (x, y) => x >= u0 && x < u1 && y >= v0 && y < v1 ? [Math.floor(x0 + (x + 0.5 - u0) / across), Math.floor(y0 + (y + 0.5 - v0) / down)] : [-1, -1]
    );
    return brush(mask, size, region);
  };
  var carried = (region, from, to) => {
    if (from.width === to.width && from.height === to.height) return region;
    const [across, down] = [to.width / from.width, to.height / from.height];
    if (region.kind === "brush") {
      const mask = resampled(region.rle, to, (x, y) => [
        Math.floor((x + 0.5) / across),
        Math.floor((y + 0.5) / down)
      ]);
      return brush(mask, to, region);
    }
    const [x0, y0, x1, y1] = region.box_xyxy;
    const scaled = [x0 * across, y0 * down, x1 * across, y1 * down].map(Math.round);
    return resized(
      region,
      /** @type {Box} */
      scaled,
      to
    );
  };
  var hits = (region, [x, y], slack, size) => {
    const [x0, y0, x1, y1] = region.box_xyxy;
    if (x < x0 - slack || x > x1 + slack || y < y0 - slack || y > y1 + slack) return false;
    if (region.kind === "box") return x >= x0 && x <= x1 && y >= y0 && y <= y1;
    if (region.kind === "polygon") {
      const before = crossings(region.points_xy, y).filter((at2) => at2 <= x).length;
      return distanceToOutline(region.points_xy, [x, y]) <= slack || before % 2 === 1;
    }
    const mask = decode(region.rle);
    for (let py = Math.max(0, Math.floor(y - slack)); py <= Math.min(size.height - 1, y + slack); py++)
      for (let px = Math.max(0, Math.floor(x - slack)); px <= Math.min(size.width - 1, x + slack); px++)
        if (mask[py * size.width + px]) return true;
    return false;
  };

  // shared/dom.js
  var el = (tag2, className, text) => {
    const node = document.createElement(tag2);
    if (className) node.className = className;
    if (text !== void 0) node.textContent = text;
    return node;
  };
  var SVG = "http://www.w3.org/2000/svg";
  var svg = (tag2, attributes) => {
    const node = document.createElementNS(SVG, tag2);
    for (const [name, value] of Object.entries(attributes)) node.setAttribute(name, String(value));
    return node;
  };
  var testId = (node, testid) => {
    node.dataset.testid = testid;
    return node;
  };
  var button = (className, text, title, onClick) => {
    const node = el("button", className, text);
    node.type = "button";
    node.title = title;
    node.addEventListener("click", onClick);
    return node;
  };
  var choice = (testid, title, options, onChange) => {
    const node = testId(el("select", "sv-choice"), testid);
    node.title = title;
    fillChoice(node, options);
    node.addEventListener("change", () => onChange(node.value));
    return node;
  };
  var fillChoice = (node, options) => {
    node.replaceChildren(
      ...options.map(
        ({ value, label, disabled }) => Object.assign(el("option", "", label), { value, disabled: Boolean(disabled) })
      )
    );
  };
  var pen2d = (canvas) => (
    /** @type {CanvasRenderingContext2D} */
    canvas.getContext("2d")
  );

  // regions/labels.js
  var KEY = "sayo.labels";
  var MOST2 = 30;
  var COLOURS = [
    "#e69f00",
    "#0072b2",
    "#009e73",
    "#d55e00",
    "#cc79a7",
    "#56b4e9",
    "#b8a500",
    "#7b3294",
    "#4d9221"
  ];
  var stored = () => {
    try {
      const names = JSON.parse(localStorage.getItem(KEY) || "[]");
      return Array.isArray(names) ? names.filter((it) => typeof it === "string").slice(0, MOST2) : [];
    } catch {
      return [];
    }
  };
  var labels = stored();
  var learn = (name) => {
    if (labels.includes(name) || labels.length >= MOST2) return;
    labels.push(name);
    try {
      localStorage.setItem(KEY, JSON.stringify(labels));
    } catch {
    }
  };
  var labelColour = (name) => {
    learn(name);
    return COLOURS[Math.max(labels.indexOf(name), 0) % COLOURS.length];
  };

  // regions/draw.js
  var HANDLES = ["nw", "n", "ne", "e", "se", "s", "sw", "w"];
  var DEFAULT = "#ff3d6e";
  var NOT_HERE = "#8a5cf6";
  var OPAQUE = 4294967295;
  var regionColour = ({ look, label }) => {
    if (look === false) return NOT_HERE;
    return label ? labelColour(label) : DEFAULT;
  };
  var percent = (value, whole) => `${100 * value / whole}%`;
  var boxNode = ([x0, y0, x1, y1], { width, height }, className, label) => {
    const node = el("div", className);
    Object.assign(node.style, {
      left: percent(x0, width),
      top: percent(y0, height),
      width: percent(x1 - x0, width),
      height: percent(y1 - y0, height)
    });
    if (label) node.append(el("span", "sv-tag", label));
    return node;
  };
  var ink = (context, size, region) => {
    const colour = regionColour(region);
    if (region.look !== false) return colour;
    const stripe = Math.max(2, Math.round(Math.max(size.width, size.height) / 80));
    const tile = el("canvas");
    Object.assign(tile, { width: 2 * stripe, height: 1 });
    const pen = pen2d(tile);
    pen.fillStyle = colour;
    pen.fillRect(0, 0, stripe, 1);
    pen.globalAlpha = 0.25;
    pen.fillRect(stripe, 0, stripe, 1);
    const pattern = (
      /** @type {CanvasPattern} */
      context.createPattern(tile, "repeat")
    );
    pattern.setTransform(new DOMMatrix().rotate(45));
    return pattern;
  };
  var maskCanvas = (mask, [x0, y0, x1, y1], size, region) => {
    const { width } = size;
    const canvas = el("canvas", "sv-mask");
    Object.assign(canvas, { width: x1 - x0, height: y1 - y0 });
    const context = pen2d(canvas);
    const image = context.createImageData(canvas.width, canvas.height);
    const pixels = new Uint32Array(image.data.buffer);
    for (let y = y0, i = 0; y < y1; y++)
      for (let x = x0; x < x1; x++, i++) if (mask[y * width + x]) pixels[i] = OPAQUE;
    context.putImageData(image, 0, 0);
    context.globalCompositeOperation = "source-in";
    context.fillStyle = ink(context, size, region);
    context.fillRect(0, 0, canvas.width, canvas.height);
    context.globalCompositeOperation = "source-over";
    return canvas;
  };
  var painted = /* @__PURE__ */ new WeakMap();
  var paintedCanvas = (region, size) => {
    const colour = regionColour(region);
    const known = painted.get(region.rle);
    if (known?.colour === colour && !known.canvas.isConnected) return known.canvas;
    const canvas = maskCanvas(decode(region.rle), region.box_xyxy, size, region);
    painted.set(region.rle, { colour, canvas });
    return canvas;
  };
  var outline = (points, [x0, y0, x1, y1], closed = true) => {
    const node = svg("svg", {
      viewBox: `${x0} ${y0} ${x1 - x0 || 1} ${y1 - y0 || 1}`,
      preserveAspectRatio: "none",
      class: "sv-outline"
    });
    const d = `M${points.map((point) => point.join(" ")).join("L")}${closed ? "Z" : ""}`;
    node.append(svg("path", { d, class: "sv-line sv-line-under" }), svg("path", { d, class: "sv-line" }));
    return node;
  };
  var hatch = ({ points_xy, box_xyxy: [x0, y0, x1, y1] }) => {
    const node = el("span", "sv-hatch");
    const corners = points_xy.map(([x, y]) => `${percent(x - x0, x1 - x0)} ${percent(y - y0, y1 - y0)}`);
    node.style.clipPath = `polygon(evenodd, ${corners.join(", ")})`;
    return node;
  };
  var regionNode = (editor, region, className, text) => {
    const node = boxNode(region.box_xyxy, editor.size, `sv-box is-${region.kind} ${className}`, text);
    if (region.look === false) node.classList.add("is-not-here");
    node.style.setProperty("--colour", regionColour(region));
    if (region.kind === "polygon") {
      node.prepend(outline(region.points_xy, region.box_xyxy));
      if (region.look === false) node.prepend(hatch(region));
    }
    if (region.kind === "brush") node.prepend(paintedCanvas(region, editor.size));
    return node;
  };
  var handle = (parent, className, data, place) => {
    const node = el("span", className);
    Object.assign(node.dataset, data);
    if (place) Object.assign(node.style, { left: place[0], top: place[1] });
    parent.append(node);
    return node;
  };
  var addHandles = (editor, region, node) => {
    for (const name of HANDLES)
      if (region.kind !== "polygon" || name.length === 2)
        handle(node, `sv-handle sv-handle-${name}`, { handle: name });
    const [x0, y0, x1, y1] = region.box_xyxy;
    const at2 = (x, y) => [
      percent(x - x0, x1 - x0),
      percent(y - y0, y1 - y0)
    ];
    const { points_xy } = region;
    points_xy.forEach(([x, y], i) => {
      const [nx, ny] = points_xy[(i + 1) % points_xy.length];
      handle(node, "sv-handle sv-middle", { middle: i }, at2((x + nx) / 2, (y + ny) / 2));
    });
    points_xy.forEach((point, i) => {
      const corner = handle(node, "sv-handle sv-vertex", { vertex: i }, at2(...point));
      corner.classList.toggle("is-picked", i === editor.vertex);
    });
  };
  var tag = (region, index) => [String(index + 1), region.label, region.look === false ? "not here" : ""].filter(Boolean).join(" · ");
  var drawRegions = (editor) => {
    const { layer, regions, suggestions, selected, preview, live, draft, size, tool, hover } = editor;
    const nodes = [];
    regions.forEach((region, index) => {
      if (live?.index === index) return;
      const active = index === selected;
      const shown2 = active && preview ? preview : region;
      const node = regionNode(editor, shown2, active ? "is-selected" : "", tag(shown2, index));
      node.dataset.index = String(index);
      if (active && editor.enabled && !tool.sized) addHandles(editor, shown2, node);
      nodes.push(node);
    });
    suggestions.forEach((region, index) => {
      nodes.push(regionNode(editor, region, "is-suggestion", `? ${index + 1}`));
    });
    if (live) nodes.push(live.canvas);
    if (draft?.box) nodes.push(begun(editor, boxNode(draft.box, size, "sv-box is-draft")));
    if (draft?.points) nodes.push(draftPolygon(editor, draft.points));
    if (editor.enabled && tool.sized && hover) nodes.push(brushRing(hover.exact, editor.brushSize, size));
    layer.replaceChildren(...nodes);
  };
  var begun = ({ look }, node) => {
    if (look) return node;
    node.classList.add("is-not-here");
    node.style.setProperty("--colour", NOT_HERE);
    return node;
  };
  var draftPolygon = (editor, corners) => {
    const { hover, size, drag } = editor;
    const whole = [0, 0, size.width, size.height];
    const node = begun(editor, boxNode(whole, size, "sv-draft"));
    node.append(outline(hover && !drag ? [...corners, hover.at] : corners, whole, false));
    for (const [x, y] of corners)
      handle(node, "sv-handle sv-vertex", {}, [percent(x, size.width), percent(y, size.height)]);
    return node;
  };
  var brushRing = (point, brushSize, size) => {
    const [x, y] = brushCentre(point, brushSize, size);
    const r = brushSize / 2;
    return boxNode([x - r, y - r, x + r, y + r], size, brushSize > 3 ? "sv-ring is-round" : "sv-ring");
  };

  // regions/list.js
  var NAMES = { box: "Box", polygon: "Polygon", brush: "Painting" };
  var fillRegions = (viewer) => {
    const { regions: root } = viewer.parts;
    const { regions, selected, suggestions } = viewer.editor;
    const steps = viewer.steps.map((it) => it.text);
    const rows = regions.map(({ box_xyxy, label, look, step, kind }) => [box_xyxy, label, look, step, kind]);
    const seen2 = JSON.stringify([rows, selected, steps, suggestions.length, labels]);
    if (seen2 === viewer.listed) return;
    viewer.listed = seen2;
    const held = root.contains(document.activeElement);
    root.replaceChildren(
      ...regions.map((region, index) => row(viewer, region, index, index === selected)),
      ...suggestions.map((_, index) => suggestionRow(viewer, index))
    );
    if (held) viewer.root.focus({ preventScroll: true });
    if (viewer.options.editable && regions.length) root.append(knownLabels(viewer));
  };
  var row = (viewer, region, index, active) => {
    const { editor, options } = viewer;
    const item = el("li", active ? "sv-region is-selected" : "sv-region");
    item.classList.toggle("is-not-here", region.look === false);
    item.style.setProperty("--colour", regionColour(region));
    const [x0, y0, x1, y1] = region.box_xyxy.map(Math.round);
    const text = `${NAMES[region.kind]} ${index + 1}: ${region.look ? "look here" : "not here"}`;
    const name = button("sv-regionname", text, "Select this region", () => editor.select(index));
    item.append(
      testId(name, `region-${index}`),
      el("span", "sv-coordinates", `x ${x0}–${x1}, y ${y0}–${y1}`),
      ...options.editable ? controls(viewer, region, index) : facts(viewer, region)
    );
    return item;
  };
  var controls = (viewer, region, index) => {
    const { editor } = viewer;
    const remove = button("sv-tool sv-small", "✕", "Delete this region (Delete)", () => editor.remove(index));
    return [
      labelField(viewer, region, index),
      stepChoice(viewer, region, index),
      testId(remove, `remove-${index}`)
    ];
  };
  var facts = (viewer, region) => {
    const found2 = [];
    if (region.label) found2.push(el("b", "", region.label));
    if (region.step !== null && viewer.steps[region.step])
      found2.push(el("span", "", viewer.stepName(region.step)));
    return found2;
  };
  var labelField = (viewer, region, index) => {
    const input = testId(el("input", "sv-label"), `region-label-${index}`);
    const title = "What this region shows (L); Enter keeps it";
    Object.assign(input, { value: region.label, placeholder: "label", maxLength: 100, title });
    input.setAttribute("list", `${viewer.options.id}-labels`);
    input.addEventListener("change", () => viewer.editor.set(index, { label: input.value.trim() }));
    input.addEventListener("keydown", (event) => {
      event.stopPropagation();
      if (event.key === "Escape") input.value = region.label;
      if (event.key === "Enter" || event.key === "Escape") {
        input.blur();
        viewer.root.focus({ preventScroll: true });
      }
    });
    return input;
  };
  var knownLabels = (viewer) => {
    const list = el("datalist");
    list.id = `${viewer.options.id}-labels`;
    list.append(...labels.map((value) => Object.assign(el("option"), { value })));
    return list;
  };
  var chooseLabel = (viewer, index) => {
    const { editor } = viewer;
    const label = labels[index];
    if (label !== void 0)
      editor.set(editor.selected, { label: editor.current?.label === label ? "" : label });
    return true;
  };
  var stepChoice = (viewer, { step }, index) => {
    const options = viewer.steps.map(({ text }, i) => ({
      value: String(i),
      label: `${viewer.stepName(i)}: ${text.trim().slice(0, 40)}`
    }));
    if (step !== null && !viewer.steps[step]) options.push({ value: String(step), label: `Step ${step + 1}` });
    const node = choice(
      `region-step-${index}`,
      "What this region holds for",
      [{ value: "", label: "whole answer" }, ...options],
      (value) => viewer.editor.set(index, { step: value === "" ? null : Number(value) })
    );
    node.value = step === null ? "" : String(step);
    return node;
  };
  var suggestionRow = (viewer, index) => {
    const item = el("li", "sv-region is-suggestion");
    const settle2 = (testid, text, title, accept) => {
      const node = button("sv-tool sv-small", text, title, () => viewer.editor.settle(index, accept));
      return testId(node, `${testid}-${index}`);
    };
    item.append(
      el("span", "", `Suggestion ${index + 1}`),
      settle2("accept", "✓ Accept", "Make it a region, which can then be changed", true),
      settle2("reject", "✕ Reject", "Drop it", false)
    );
    return item;
  };

  // regions/pictures.js
  var editorHooks = (viewer) => ({
    changed: (committed) => viewer.edited(committed),
    spot: (x, y) => viewer.look(x, y),
    pan: (dx, dy) => viewer.zoom.pan(dx, dy),
    pushed(before, after) {
      const { picture } = viewer;
      viewer.history.push({ before, after, apply: (regions, on) => applied(on, picture, regions) });
    }
  });
  var applied = (viewer, picture, regions) => {
    if (picture === viewer.picture) viewer.editor.replace(regions);
    else {
      viewer.byPicture[viewer.picture] = viewer.editor.regions;
      viewer.byPicture[picture] = regions;
      viewer.showPicture(picture);
    }
    viewer.edited(true);
  };
  var beginRegions = (viewer, before, samePicture) => {
    const { value, options, history } = viewer;
    const shared = options.group && options.editable ? groups[options.group] : void 0;
    let regions = value.regions || [];
    let goesOn = false;
    if (shared && shared.id === value.id) regions = shared.regions;
    else if (!regions.length && samePicture && !before.tokens?.length)
      [regions, goesOn] = [viewer.allRegions(), true];
    if (value.id && history.id !== value.id) {
      if (goesOn) history.id = value.id;
      else history.begin(value.id);
    }
    if (!goesOn) viewer.editor.look = true;
    takeRegions(viewer, regions);
  };
  var takeRegions = (viewer, regions) => {
    viewer.byPicture = {};
    for (const { picture = 0, ...region } of regions) {
      viewer.byPicture[picture] ??= [];
      viewer.byPicture[picture].push(region);
    }
    viewer.editor.size = viewer.size;
    viewer.editor.reset(viewer.byPicture[viewer.picture] || []);
  };
  var propose = (viewer) => {
    const { value, view, selection, picture, rows, options } = viewer;
    if (!rows || !options.editable) return false;
    const revision = ++viewer.proposalsAsked;
    viewer.trigger("propose", { id: value.id, revision, view, selection, picture, regions: [] });
    return true;
  };
  var showProposals = (viewer, reply) => {
    if (!reply || reply.id !== viewer.value.id || reply.revision !== viewer.proposalsAsked) return;
    if (reply.picture !== viewer.picture) return;
    viewer.editor.suggestions = reply.regions;
    viewer.editor.draw();
    fillRegions(viewer);
  };
  var last = null;
  var keepLast = (viewer, left) => {
    const { regions } = viewer.editor;
    if (!left || !regions.length || !viewer.options.editable) return;
    last = { picture: left.id, size: { width: left.width, height: left.height }, regions };
  };
  var canCopyLast = (viewer) => last !== null && last.picture !== viewer.pictureId;
  var copyLast = ({ editor, options }) => {
    if (!last || !editor.size.width || !options.editable) return false;
    const { size, regions } = last;
    const copies = regions.map((region) => carried(region, size, editor.size)).filter((it) => it !== null);
    if (copies.length) editor.add(...copies.map((region) => ({ ...region, step: null })));
    return true;
  };

  // drafts/notes.js
  var choice2 = (testid, text, run) => testId(button("sv-tool sv-small", text, "", run), testid);
  var fillDraft = (viewer) => {
    const root = viewer.parts.draft;
    const draft = draftOf(viewer);
    root.replaceChildren();
    if (!viewer.options.drafts) return;
    if (!draft) return root.append(...waiting(viewer));
    const { note, copies } = stateOf(viewer);
    root.append(...offered(viewer, draft.revises !== null), ...copies.flatMap((copy) => kept(viewer, copy)));
    if (note) root.append(testId(el("span", "sv-note", note), "draft-note"));
  };
  var offered = (viewer, revises) => {
    const { offer, conflict } = stateOf(viewer);
    const take = (text2) => choice2("draft-take", text2, () => settle(viewer, true));
    const keep2 = (text2) => choice2("draft-keep", text2, () => settle(viewer, false));
    if (conflict) {
      const warning = [el("p", "sv-note is-warning", conflict), keep2("Keep what is here")];
      return offer ? [...warning, take("Take what is there")] : warning;
    }
    if (!offer) return [];
    const what = revises ? "this correction" : "this picture and question";
    const text = `There is a draft on ${what}, last changed ${offer.when}: ${amount(offer)}.`;
    return [el("p", "sv-note", text), take("Go on with it"), keep2("Start afresh")];
  };
  var kept = (viewer, copy) => {
    const by = copy.author && copy.author !== typed(viewer, "author") ? ` by ${copy.author}` : "";
    const what = `last changed ${moment(copy.at)}: ${amount(copy)}.`;
    return [
      el("p", "sv-note", `This browser kept what the server did not get${by}, ${what}`),
      choice2("kept-take", "Go on with that", () => settleCopy(viewer, copy, true)),
      choice2("kept-drop", "Drop it", () => settleCopy(viewer, copy, false))
    ];
  };
  var waiting = ({ value }) => {
    if (!["empty", "picture"].includes(value.status)) return [];
    return all().flatMap((copy) => {
      const what = `${amount(copy)} on “${copy.name}”, last changed ${moment(copy.at)}`;
      const line2 = `The server did not get ${what}. Open it again and you can go on.`;
      return [
        testId(el("p", "sv-note is-warning", line2), "kept-waiting"),
        choice2("kept-drop", "Drop it", () => forget(copy))
      ];
    });
  };

  // maps/heads.js
  var FIGURES = {
    share: { label: "attention on the picture", unit: "share" },
    energy: { label: "attention in the boxes", unit: "share" },
    focus: { label: "how narrow its look is (low spatial entropy)", unit: "nats" }
  };
  var MOST_LISTED = 6;
  var headsPanel = (viewer) => {
    const layer = choice(
      "layer-choice",
      "The mean over heads of one layer",
      [],
      (value) => viewer.choose(value || "centred")
    );
    const layerLabel = el("label", "sv-strength");
    layerLabel.append(el("span", "", "Show"), layer);
    const figures = Object.entries(FIGURES).map(([value, { label }]) => ({ value, label }));
    const figure = choice("head-figure", "What the colours of the matrix show", figures, (value) => {
      viewer.figure = /** @type {Figure} */
      value;
      fillHeads(viewer);
    });
    const figureLabel = el("label", "sv-strength");
    figureLabel.append(el("span", "", "Colour"), figure);
    const find = button(
      "sv-tool",
      "Find heads that look at the boxes",
      "Rank the heads by the share of their attention that is in the boxes",
      () => {
        viewer.figure = "energy";
        askHeads(viewer);
      }
    );
    const bar = el("div", "sv-bar");
    bar.append(layerLabel, figureLabel, testId(find, "find-heads"));
    const matrix2 = testId(el("div", "sv-matrix"), "heads");
    const found2 = testId(el("div", "sv-spot"), "found-heads");
    const note = el("p", "sv-note");
    const panel = testId(el("details", "sv-panel sv-answered"), "heads-panel");
    panel.append(el("summary", "", "Layers and heads"), bar, matrix2, found2, note);
    panel.addEventListener("toggle", () => panel.open && askHeads(viewer));
    return { panel, layer, figure, matrix: matrix2, found: found2, note };
  };
  var askHeads = (viewer) => {
    const { value, selection, picture, editor } = viewer;
    viewer.heads = null;
    const revision = ++viewer.headsAsked;
    viewer.trigger("heads", { id: value.id, revision, selection, picture, regions: editor.regions });
    fillHeads(viewer, true);
  };
  var fillHeads = (viewer, waiting2 = false) => {
    const { heads, figure } = viewer;
    const parts = viewer.parts.heads;
    if (!parts) return;
    parts.found.replaceChildren();
    parts.matrix.replaceChildren();
    parts.figure.value = figure;
    const reason = viewer.reason("heads");
    if (reason || !heads) {
      parts.note.textContent = reason ? `Not here: ${reason}` : waiting2 ? "Reading every head …" : "";
      return;
    }
    const values = heads.figures[figure];
    if (!values) {
      parts.note.textContent = "Draw a box on the picture first.";
      return;
    }
    parts.matrix.style.setProperty("--columns", String(values[0].length));
    parts.matrix.append(...matrix(viewer, heads, values));
    parts.found.append(el("span", "sv-spotname", "Highest:"), ...highest(viewer, heads, values));
    parts.note.textContent = `Rows are layers, columns heads; for ${heads.what}. Click a cell to see its map.`;
  };
  var named = ({ layers }, row2, head) => ({
    name: `layer ${layers[row2] + 1}, head ${head + 1}`,
    view: `head:${layers[row2]}:${head}`
  });
  var written = (value, figure) => FIGURES[figure].unit === "share" ? `${(100 * value).toFixed(1)} %` : value.toFixed(2);
  var matrix = (viewer, heads, values) => {
    const flat = values.flat();
    const [least, most] = [Math.min(...flat), Math.max(...flat)];
    return values.flatMap((line2, row2) => [
      el("span", "sv-rowname", String(heads.layers[row2] + 1)),
      ...line2.map((value, head) => {
        const { name, view } = named(heads, row2, head);
        const title = `${name}: ${written(value, viewer.figure)}`;
        const cell = testId(
          button("sv-cell", "", title, () => viewer.choose(view)),
          view
        );
        cell.style.background = colourAt((value - least) / (most - least || 1));
        cell.classList.toggle("is-selected", viewer.view === view);
        cell.setAttribute("aria-label", title);
        return cell;
      })
    ]);
  };
  var highest = (viewer, heads, values) => {
    const ranked = values.flatMap((line2, row2) => line2.map((value, head) => ({ value, row: row2, head })));
    ranked.sort((a, b) => b.value - a.value);
    return ranked.slice(0, MOST_LISTED).map(({ value, row: row2, head }) => {
      const { name, view } = named(heads, row2, head);
      const text = `${name} · ${written(value, viewer.figure)}`;
      const node = button("sv-tool", text, "Show what it looks at", () => viewer.choose(view));
      node.setAttribute("aria-pressed", String(viewer.view === view));
      return node;
    });
  };

  // maps/paint.js
  var paint = (canvases, layouts, values, strength) => {
    let start = 0;
    const painted2 = layouts.map((layout) => {
      const own = values.subarray(start, start + layout.count);
      start += layout.count;
      return layout.painted(own);
    });
    let most = 0;
    for (const part of painted2) for (let i = 0; i < part.length; i++) if (part[i] > most) most = part[i];
    const colours = palette(strength);
    const scale = most > 0 ? 255 / most : 0;
    painted2.forEach((part, index) => {
      const { width, height } = layouts[index];
      const canvas = canvases[index];
      if (canvas.width !== width || canvas.height !== height) Object.assign(canvas, { width, height });
      const context = pen2d(canvas);
      const image = context.createImageData(width, height);
      const pixels = new Uint32Array(image.data.buffer);
      for (let i = 0; i < part.length; i++) pixels[i] = colours[Math.round(part[i] * scale)];
      context.putImageData(image, 0, 0);
    });
  };

  // maps/view.js
  var unpacked = ({ bytes, peaks }) => ({ bytes: bytesOf(bytes), peaks });
  var View = class {
    /**
     * @param {ViewData} data
     * @param {number} nImages image tokens of all pictures together
     */
    constructor(data, nImages) {
      this.n = nImages;
      this.once = data.scope === "answer";
      this.parts = { token: unpacked(data.token), step: unpacked(data.step), answer: unpacked(data.answer) };
    }
    /**
     * 255 stands for the largest value of the map; null where there is none.
     * @param {Kind} kind
     * @param {number} index
     */
    at(kind, index) {
      const part = this.once ? this.parts.answer : this.parts[kind];
      const place = this.once ? 0 : index;
      if (place < 0 || place >= part.peaks.length) return null;
      return part.bytes.subarray(place * this.n, (place + 1) * this.n);
    }
    /**
     * How much each token looked at one image token.
     * @param {number} cell
     */
    column(cell) {
      const { bytes, peaks } = this.parts.token;
      return peaks.map((peak, i) => bytes[i * this.n + cell] / 255 * peak);
    }
  };

  // regions/tools.js
  var CLOSE_SLACK = 8;
  var SAME_SLACK = 4;
  var reshape = (editor, make, click, vertex = -1) => ({
    move(pen) {
      editor.preview = make(pen);
    },
    up(pen) {
      const region = make(pen);
      if (region) editor.put(editor.selected, region, vertex);
    },
    click
  });
  var dragged = (box3, handle2, [x, y]) => {
    let [x0, y0, x1, y1] = box3;
    if (handle2.includes("w")) x0 = x;
    if (handle2.includes("e")) x1 = x;
    if (handle2.includes("n")) y0 = y;
    if (handle2.includes("s")) y1 = y;
    return ordered(x0, y0, x1, y1);
  };
  var onHandle = (editor, pen) => {
    const region = editor.current;
    if (!region) return null;
    const { handle: handle2, vertex, middle } = pen.target.dataset;
    if (handle2) {
      const to = ({ at: at2 }) => resized(region, dragged(region.box_xyxy, handle2, at2), editor.size);
      return reshape(editor, to, () => {
      });
    }
    if (vertex !== void 0) {
      const index2 = Number(vertex);
      if (pen.altKey) return { click: () => editor.removeVertex(index2) };
      const to = ({ at: at2 }) => {
        const changed = withCorner(region, index2, at2);
        return hasArea(changed.points_xy) ? changed : null;
      };
      return reshape(editor, to, () => editor.select(editor.selected, index2), index2);
    }
    if (middle === void 0) return null;
    const index = Number(middle) + 1;
    const added = ({ at: at2 }) => withPoints(region, region.points_xy.toSpliced(index, 0, at2));
    return reshape(editor, added, (to) => editor.put(editor.selected, added(to), index), index);
  };
  var onSelected = (editor, pen) => {
    const region = editor.current;
    if (!region || !hits(region, pen.exact, SAME_SLACK / pen.scale, editor.size)) return null;
    return reshape(editor, ({ at: at2 }) => moved(region, at2[0] - pen.at[0], at2[1] - pen.at[1], editor.size));
  };
  var select = {
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
      let last2 = pen.screen;
      return {
        move({ screen }) {
          editor.hooks.pan(screen[0] - last2[0], screen[1] - last2[1]);
          last2 = screen;
        }
      };
    }
  };
  var box2 = {
    name: "box",
    label: "Box",
    key: "b",
    draws: true,
    title: "Drag on the picture to draw a box; click a free spot to see which tokens looked there",
    down(editor, pen) {
      const grip = onHandle(editor, pen) || onSelected(editor, pen);
      if (grip) return grip;
      const drawn2 = ({ at: at2 }) => ordered(...pen.at, ...at2);
      return {
        move(to) {
          editor.draft = { box: drawn2(to) };
        },
        up(to) {
          editor.draft = null;
          const [x0, y0, x1, y1] = drawn2(to);
          if (x1 > x0 && y1 > y0) editor.addDrawn(box([x0, y0, x1, y1]));
        },
        click(to) {
          editor.draft = null;
          editor.clicked(to);
        },
        cancel() {
          editor.draft = null;
        }
      };
    }
  };
  var polygon2 = {
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
      }
      const points = editor.draft?.points ?? [];
      editor.draft = { points };
      const near = (corner, slack) => corner && Math.hypot(corner[0] - pen.exact[0], corner[1] - pen.exact[1]) * pen.scale < slack;
      if (near(points.at(-1), SAME_SLACK) || points.length >= 3 && near(points[0], CLOSE_SLACK))
        return { click: () => closePolygon(editor) };
      points.push(pen.at);
      return {
        move({ at: at2 }) {
          points[points.length - 1] = at2;
        },
        click: () => {
        },
        cancel: () => editor.takeBack()
      };
    }
  };
  var closePolygon = (editor) => {
    const points = editor.draft?.points;
    if (!points || points.length < 3 || !hasArea(points)) return Boolean(points);
    editor.draft = null;
    editor.addDrawn(polygon(points));
    return true;
  };
  var stroke = (editor, pen, { mask, region, value, shown: shown2, done }) => {
    const { size, brushSize } = editor;
    const canvas = maskCanvas(mask, [0, 0, size.width, size.height], size, region);
    const context = pen2d(canvas);
    context.fillStyle = ink(context, size, region);
    editor.live = { canvas, index: shown2 };
    let last2 = brushCentre(pen.exact, brushSize, size);
    const dab = (centre) => {
      for (const [y, from, to] of stamp(centre, brushSize, size)) {
        mask.fill(value, y * size.width + from, y * size.width + to);
        context[value ? "fillRect" : "clearRect"](from, y, to - from, 1);
      }
    };
    dab(last2);
    const move = ({ exact }) => {
      const next2 = brushCentre(exact, brushSize, size);
      between(last2, next2).forEach(dab);
      last2 = next2;
    };
    const end = (to) => {
      move(to);
      editor.live = null;
      done(mask);
    };
    return { move, up: end, click: end };
  };
  var brush2 = {
    name: "brush",
    label: "Brush",
    key: "r",
    draws: true,
    hover: true,
    sized: true,
    title: "Paint pixel by pixel; strokes go on with the selected painting",
    hint: "Paint with the pointer. [ and ] change the size, Escape begins another region.",
    down(editor, pen) {
      const { selected, size } = editor;
      const goesOn = editor.current?.kind === "brush" ? editor.current : null;
      return stroke(editor, pen, {
        mask: goesOn ? decode(goesOn.rle).slice() : new Uint8Array(size.width * size.height),
        region: goesOn ?? editor,
        value: 1,
        shown: goesOn ? selected : -1,
        done(mask) {
          const region = brush(mask, size, goesOn ?? void 0);
          if (!region) return;
          if (goesOn) editor.put(selected, region);
          else editor.addDrawn(region);
        }
      });
    }
  };
  var erase = {
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
        mask: rasterise(region, editor.size).slice(),
        region,
        value: 0,
        shown: index,
        done(mask) {
          const before = rasterise(region, editor.size);
          if (mask.every((value, i) => value === before[i])) return editor.select(index);
          const left = brush(mask, editor.size, region);
          if (left) editor.put(index, left);
          else editor.remove(index);
        }
      });
    }
  };
  var tools = { select, box: box2, polygon: polygon2, brush: brush2, erase };
  var toolNames = (
    /** @type {ToolName[]} */
    Object.keys(tools)
  );

  // regions/bar.js
  var AWAY = "What the model must not rely on: turns the selected region, or what you draw next";
  var NEXT = "What you draw next says: not here.";
  var drawBars = (viewer) => ({ ...drawBar(viewer), ...hintBar(viewer) });
  var drawBar = (viewer) => {
    const group = el("div", "sv-switch sv-tools");
    group.setAttribute("role", "group");
    group.setAttribute("aria-label", "Tool");
    const choices = toolNames.map((name) => {
      const { label, title, key } = tools[name];
      const choose = () => viewer.editor.setTool(name);
      const node = button("sv-option", label, `${title} (${key.toUpperCase()})`, choose);
      return { name, node: testId(node, `tool-${name}`) };
    });
    group.append(...choices.map(({ node }) => node));
    const act = (testid, text, title, run) => testId(button("sv-tool sv-small", text, title, run), testid);
    const undo = act("undo", "↶", "Undo (Ctrl+Z)", () => viewer.history.undo(viewer));
    undo.setAttribute("aria-label", "Undo");
    const redo = act("redo", "↷", "Redo (Ctrl+Shift+Z)", () => viewer.history.redo(viewer));
    redo.setAttribute("aria-label", "Redo");
    const copy = act("copy", "Copy last", "Copy the regions of the picture before (C)", () => copyLast(viewer));
    const peaks = act(
      "propose",
      "Propose",
      "Propose regions: the peaks of the map that is shown (K)",
      () => propose(viewer)
    );
    const away = act("not-here", "Not here", `${AWAY} (X)`, () => viewer.editor.turn());
    const help2 = act("help", "?", "All keys (?)", () => viewer.toggleSheet());
    const bar = el("div", "sv-bar sv-drawbar");
    bar.append(group, away, undo, redo, copy, peaks, help2);
    return { bar, choices, away, undo, redo, copy, peaks };
  };
  var hintBar = (viewer) => {
    const slider = testId(el("input"), "brush-size");
    Object.assign(slider, {
      type: "range",
      min: 1,
      max: 100,
      title: "Size of the brush in pixels of the picture"
    });
    slider.addEventListener("input", () => setBrush(viewer, Number(slider.value)));
    const sizeName = el("span", "", "");
    const sizeLabel = el("label", "sv-strength");
    sizeLabel.append(sizeName, slider);
    const hint = testId(el("span", "sv-note", ""), "drawing-hint");
    hint.setAttribute("role", "status");
    const hints = el("div", "sv-bar sv-hintbar");
    hints.append(sizeLabel, hint);
    return { hints, hint, sizeLabel, sizeName, slider };
  };
  var setBrush = (viewer, size) => {
    const { editor } = viewer;
    editor.brushSize = clamp(Math.round(size), 1, Math.max(editor.size.width, editor.size.height, 1));
    editor.draw();
    fillTools(viewer);
  };
  var growBrush = (viewer, sign) => {
    const { brushSize, tool } = viewer.editor;
    if (!tool.sized) return false;
    setBrush(viewer, brushSize + sign * Math.max(1, Math.round(brushSize / 10)));
    return true;
  };
  var fillTools = (viewer) => {
    const { editor, history } = viewer;
    const { layer, drawing } = viewer.parts;
    if (!editor || !drawing) return;
    const { tool, size, enabled } = editor;
    for (const { name, node } of drawing.choices) node.setAttribute("aria-pressed", String(name === tool.name));
    layer.classList.toggle("is-drawing", enabled && Boolean(tool.draws));
    layer.classList.toggle("is-sized", enabled && Boolean(tool.sized));
    drawing.away.setAttribute("aria-pressed", String(!editor.looks));
    drawing.undo.disabled = !history.past.length;
    drawing.redo.disabled = !history.future.length;
    drawing.copy.hidden = !canCopyLast(viewer);
    drawing.peaks.hidden = !viewer.rows;
    const side = Math.max(size.width, size.height);
    if (!editor.brushSize && size.width) editor.brushSize = Math.max(1, Math.round(side / 25));
    const hint = [editor.looks || editor.current ? "" : NEXT, tool.hint].filter(Boolean).join(" ");
    drawing.hints.hidden = !hint;
    drawing.hint.textContent = hint;
    drawing.sizeLabel.hidden = !tool.sized;
    drawing.sizeName.textContent = `Size ${editor.brushSize} px`;
    drawing.slider.max = String(Math.max(20, Math.round(side / 4)));
    drawing.slider.value = String(editor.brushSize);
  };

  // regions/editor.js
  var CLICK_SLACK = 3;
  var HIT_SLACK = 4;
  var RegionEditor = class {
    enabled = true;
    /** Of the brush, in pixels across; 0 before it was ever needed. */
    brushSize = 0;
    /** Is what is drawn next a place to look at (true), or one not to? */
    look = true;
    /** @type {Tool} */
    tool = tools.box;
    /** Of the picture. @type {Size} */
    size = { width: 0, height: 0 };
    /** @type {Region[]} */
    regions = [];
    /** No regions until they are accepted. @type {Region[]} */
    suggestions = [];
    /** Which region; -1 for none. */
    selected = -1;
    /** Which corner of it; -1 for none. */
    vertex = -1;
    /** @type {(Drag & { start: Pen }) | null} */
    drag = null;
    /** What the selected region is about to become. @type {Region | null} */
    preview = null;
    /** What is being drawn: a box, or the corners of a polygon so far. @type {{ box?: Box, points?: Point[] } | null} */
    draft = null;
    /** A painting while it is painted, in place of the region of that index. @type {{ canvas: HTMLCanvasElement, index: number } | null} */
    live = null;
    /** @type {Pen | null} */
    hover = null;
    /**
     * @param {HTMLElement} layer
     * @param {Hooks} hooks
     */
    constructor(layer, hooks) {
      this.layer = layer;
      this.hooks = hooks;
      this.reset([]);
      layer.addEventListener("pointerdown", (event) => this.down(event));
      layer.addEventListener("pointermove", (event) => this.move(event));
      layer.addEventListener("pointerup", (event) => this.up(event));
      layer.addEventListener("pointercancel", () => this.cancel());
      layer.addEventListener("pointerleave", () => this.leave());
    }
    /** @returns {Region | undefined} */
    get current() {
      return this.regions[this.selected];
    }
    /** Of the selected region; without one, of what is drawn next. */
    get looks() {
      return this.current?.look ?? this.look;
    }
    /**
     * Other regions than before, with nothing selected or begun.
     * @param {Region[]} regions
     */
    reset(regions) {
      this.suggestions = [];
      this.replace(regions);
    }
    /** @param {Region[]} regions */
    replace(regions) {
      this.regions = [...regions];
      Object.assign(this, { selected: -1, vertex: -1, drag: null, preview: null, draft: null, live: null });
      this.draw();
    }
    /**
     * @param {Region[]} regions
     * @param {number} selected
     * @param {number} [vertex]
     */
    commit(regions, selected, vertex = -1) {
      const before = this.regions;
      Object.assign(this, { regions, selected, vertex, preview: null, live: null });
      this.hooks.pushed(before, regions);
      this.draw();
      this.hooks.changed(true);
    }
    /**
     * @param {number} index
     * @param {number} [vertex]
     */
    select(index, vertex = -1) {
      Object.assign(this, { selected: index, vertex });
      this.draw();
      this.hooks.changed(false);
    }
    /** @param {ToolName} name */
    setTool(name) {
      this.cancel();
      this.draft = null;
      this.tool = tools[name];
      this.draw();
      this.hooks.changed(false);
    }
    // ---- changes
    /** @param {Region[]} regions */
    add(...regions) {
      this.commit([...this.regions, ...regions], this.regions.length + regions.length - 1);
    }
    /**
     * What was just drawn: to look at or not, as was chosen.
     * @param {Region} region
     */
    addDrawn(region) {
      this.add({ ...region, look: this.look });
    }
    /**
     * @param {number} index
     * @param {Region} region
     * @param {number} [vertex]
     */
    put(index, region, vertex = -1) {
      this.commit(
        this.regions.map((it, i) => i === index ? region : it),
        index,
        vertex
      );
    }
    remove(index = this.selected) {
      if (index < 0 || index >= this.regions.length) return false;
      this.commit(
        this.regions.filter((_, i) => i !== index),
        -1
      );
      return true;
    }
    /** Delete and Backspace: the last corner of a polygon that is being drawn, a selected corner, or the region. */
    removeMarked() {
      if (this.draft) return this.takeBack();
      if (this.vertex >= 0) return this.removeVertex(this.vertex);
      return this.remove();
    }
    takeBack() {
      this.draft?.points?.pop();
      if (!this.draft?.points?.length) this.draft = null;
      this.draw();
      return true;
    }
    /** @param {number} index */
    removeVertex(index) {
      const region = this.current;
      const points = region ? region.points_xy.filter((_, i) => i !== index) : [];
      if (region && points.length >= 3 && hasArea(points)) this.put(this.selected, withPoints(region, points));
      return true;
    }
    /**
     * Change what is said of a region; false where there is none.
     * @param {number} index
     * @param {Partial<Pick<Region, "label" | "step" | "look">>} fields
     */
    set(index, fields) {
      const region = this.regions[index];
      if (!region) return false;
      const changed = { ...region, ...fields };
      if (changed.label !== region.label || changed.step !== region.step || changed.look !== region.look)
        this.put(index, changed);
      return true;
    }
    /** "Look here" or "do not look here": turn the selected region; without one, what is drawn next. */
    turn() {
      if (this.set(this.selected, { look: !this.looks })) return true;
      this.look = !this.look;
      this.draw();
      this.hooks.changed(false);
      return true;
    }
    duplicate() {
      if (!this.current) return false;
      const { width, height } = this.size;
      const by = Math.max(1, Math.round(Math.max(width, height) / 40));
      const [, , x1, y1] = this.current.box_xyxy;
      const [dx, dy] = [x1 + by > width ? -by : by, y1 + by > height ? -by : by];
      this.add(moved(this.current, dx, dy, this.size));
      return true;
    }
    /**
     * @param {number} dx
     * @param {number} dy
     */
    nudge(dx, dy) {
      if (!this.current) return false;
      if (this.vertex < 0) this.put(this.selected, moved(this.current, dx, dy, this.size));
      else {
        const [x, y] = this.current.points_xy[this.vertex];
        const to = [clamp(x + dx, 0, this.size.width), clamp(y + dy, 0, this.size.height)];
        this.put(this.selected, withCorner(this.current, this.vertex, to), this.vertex);
      }
      return true;
    }
    /**
     * Accept a suggestion, or drop it.
     * @param {number} index
     * @param {boolean} accept
     */
    settle(index, accept) {
      const region = this.suggestions[index];
      this.suggestions = this.suggestions.filter((_, i) => i !== index);
      if (accept) return this.addDrawn(region);
      this.draw();
      this.hooks.changed(false);
    }
    // ---- pointer
    /**
     * @param {PointerEvent} event
     * @returns {Pen}
     */
    pen(event) {
      const rect = this.layer.getBoundingClientRect();
      const { width, height } = this.size;
      const exact = [
        clamp((event.clientX - rect.left) * width / rect.width, 0, width),
        clamp((event.clientY - rect.top) * height / rect.height, 0, height)
      ];
      return {
        exact,
        at: [Math.round(exact[0]), Math.round(exact[1])],
        scale: rect.width / width,
        screen: [event.clientX, event.clientY],
        target: (
          /** @type {HTMLElement} */
          event.target
        ),
        altKey: event.altKey,
        pointerType: event.pointerType
      };
    }
    /** @param {Pen} pen */
    hit(pen) {
      const slack = HIT_SLACK / pen.scale;
      return this.regions.findLastIndex((region) => hits(region, pen.exact, slack, this.size));
    }
    /** @param {Pen} pen */
    clicked(pen) {
      const index = this.hit(pen);
      this.select(index);
      if (index < 0) this.hooks.spot(...pen.at);
    }
    /** @param {PointerEvent} event */
    down(event) {
      if (event.button !== 0 || !this.size.width || this.drag) return;
      const pen = this.pen(event);
      if (!this.enabled) return this.hooks.spot(...pen.at);
      const keys = (
        /** @type {HTMLElement | null} */
        this.layer.closest("[tabindex]")
      );
      keys?.focus({ preventScroll: true });
      this.layer.setPointerCapture(event.pointerId);
      this.drag = { start: pen, ...this.tool.down(this, pen) };
      event.preventDefault();
      this.draw();
    }
    /** @param {PointerEvent} event */
    move(event) {
      if (!this.size.width) return;
      const pen = this.pen(event);
      this.hover = pen;
      if (this.drag) this.drag.move?.(pen);
      else if (!this.tool.hover || !this.enabled) return;
      this.draw();
    }
    /** @param {PointerEvent} event */
    up(event) {
      if (!this.drag) return;
      const pen = this.pen(event);
      const { start, up, click } = this.drag;
      const far = Math.hypot(pen.screen[0] - start.screen[0], pen.screen[1] - start.screen[1]) >= CLICK_SLACK;
      Object.assign(this, { drag: null, preview: null });
      if (far) up?.(pen);
      else if (click) click(pen);
      else this.clicked(start);
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
      drawRegions(this);
    }
  };

  // shared/history.js
  var History = class extends EventTarget {
    /** Of the answer. */
    id = "";
    /** @type {Entry[]} */
    past = [];
    /** @type {Entry[]} */
    future = [];
    /** @param {string} id */
    begin(id) {
      Object.assign(this, { id, past: [], future: [] });
      this.#changed();
    }
    /**
     * @template State
     * @param {Entry<State>} entry
     */
    push(entry) {
      this.past.push(entry);
      this.future = [];
      this.#changed();
    }
    /** @param {Viewer} viewer the one to work on */
    undo(viewer) {
      const entry = this.past.pop();
      if (!entry) return;
      this.future.push(entry);
      entry.apply(entry.before, viewer);
      this.#changed();
    }
    /** @param {Viewer} viewer the one to work on */
    redo(viewer) {
      const entry = this.future.pop();
      if (!entry) return;
      this.past.push(entry);
      entry.apply(entry.after, viewer);
      this.#changed();
    }
    /**
     * Ctrl+Z undoes; Ctrl+Shift+Z and Ctrl+Y redo.
     * @param {Viewer} viewer
     * @param {KeyboardEvent} event
     */
    travel(viewer, event) {
      if (event.shiftKey || event.key.toLowerCase() === "y") this.redo(viewer);
      else this.undo(viewer);
    }
    #changed() {
      this.dispatchEvent(new Event("changed"));
    }
  };
  var all2 = {};
  var historyOf = (key) => {
    all2[key] ??= new History();
    return all2[key];
  };

  // viewer/chart.js
  var markChart = (viewer) => {
    if (!viewer.options.chart || !viewer.rows) return;
    const plot = document.querySelector(`#${viewer.options.chart} .js-plotly-plot`);
    const layout = plot?._fullLayout;
    if (!plot?.on || !layout?.xaxis) {
      clearTimeout(viewer.chartTimer);
      viewer.chartTimer = setTimeout(() => viewer.root.isConnected && markChart(viewer), 400);
      return;
    }
    if (!plot.dataset.sayo) {
      plot.dataset.sayo = "1";
      plot.on("plotly_click", (event) => viewer.select("token", Math.round(event.points[0].x) - 1));
      plot.on("plotly_afterplot", () => markChart(viewer));
    }
    let mark2 = (
      /** @type {HTMLElement | null} */
      plot.querySelector(".sv-mark")
    );
    if (!mark2) {
      mark2 = el("div", "sv-mark");
      plot.append(mark2);
    }
    const { kind, index } = viewer.selection;
    const { l, t, h } = layout._size;
    mark2.hidden = kind !== "token" || !viewer.rows;
    mark2.style.left = `${l + layout.xaxis.l2p(index + 1)}px`;
    mark2.style.top = `${t}px`;
    mark2.style.height = `${h}px`;
  };

  // viewer/keys.js
  var ARROWS = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] };
  var withControl = (viewer, event) => {
    const key = event.key.toLowerCase();
    if (key === "z" || key === "y") viewer.history.travel(viewer, event);
    else if (key === "d") return viewer.options.editable && viewer.editor.duplicate();
    else return false;
    return true;
  };
  var drawn = (viewer, key) => {
    const { editor } = viewer;
    if (!viewer.options.editable) return false;
    const tool = toolNames.find((name) => tools[name].key === key);
    if (tool) editor.setTool(tool);
    else if (key === "[" || key === "]") return growBrush(viewer, key === "]" ? 1 : -1);
    else if (key === "Enter") return closePolygon(editor);
    else if (key === "Delete" || key === "Backspace") return editor.removeMarked();
    else if (key === "x") return editor.turn();
    else if (key === "k") return propose(viewer);
    else if (key === "c") return copyLast(viewer);
    else if (key === "l" && editor.current)
      nodeOf(viewer, `[data-testid=region-label-${editor.selected}]`)?.focus();
    else if (/^[1-9]$/.test(key) && editor.current && labels.length)
      return chooseLabel(viewer, Number(key) - 1);
    else return false;
    return true;
  };
  var nodeOf = (viewer, selector) => (
    /** @type {HTMLElement | null} */
    viewer.root.querySelector(selector)
  );
  var leave = (viewer) => {
    const { editor } = viewer;
    if (editor.draft) editor.setTool(editor.tool.name);
    else {
      editor.select(-1);
      viewer.forget();
    }
  };
  var seen = (viewer, key, onTool) => {
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
    else if (key === "?") viewer.toggleSheet();
    else if (key === "Escape") leave(viewer);
    else return false;
    return true;
  };
  var viewerKey = (viewer, event) => {
    const target = (
      /** @type {HTMLInputElement} */
      event.target
    );
    const onSlider = target.type === "range";
    if (/^(INPUT|SELECT|TEXTAREA|SUMMARY)$/.test(target.tagName) && !onSlider) return;
    const onAnswer = target.matches(".sv-chip, .sv-stephead");
    const onTool = target.tagName === "BUTTON" && !onAnswer;
    const key = event.key.length === 1 ? event.key.toLowerCase() : event.key;
    if (!used(viewer, event, key, { onSlider, onTool })) return;
    event.preventDefault();
    if (ARROWS[key] && !event.altKey && onAnswer)
      nodeOf(viewer, ".sv-tokens :is(.is-selected, .sv-stephead[aria-pressed=true])")?.focus({
        preventScroll: true
      });
  };
  var used = (viewer, event, key, { onSlider, onTool }) => {
    const [dx, dy] = ARROWS[key] || [0, 0];
    if (event.altKey) {
      const by = event.shiftKey ? 10 : 1;
      return Boolean((dx || dy) && viewer.options.editable && viewer.editor.nudge(dx * by, dy * by));
    }
    if (event.ctrlKey || event.metaKey) return withControl(viewer, event);
    if (onSlider && key.length > 1) return false;
    if (dx) viewer.stepToken(dx);
    else if (dy) viewer.stepStep(dy);
    else return !(onTool && key === "Enter") && drawn(viewer, key) || seen(viewer, key, onTool);
    return true;
  };
  var viewerKeyUp = (viewer, event) => {
    if (event.key.toLowerCase() === "v") viewer.root.classList.remove("is-hiding");
    if (event.key !== " " || !viewer.zoom.spaceHeld) return;
    event.preventDefault();
    if (!viewer.zoom.releaseSpace()) viewer.play();
  };
  var viewerBlur = (viewer) => {
    viewer.root.classList.remove("is-hiding");
    viewer.zoom.releaseSpace();
  };

  // maps/grid.js
  var NONE = { told: [], covered: {} };
  var rectangles = (layout, cells) => cells.map((cell) => layout.cell(cell)).map(([x0, y0, x1, y1]) => `M${x0} ${y0}H${x1}V${y1}H${x0}Z`).join("");
  var cellsOf = ({ numbers, selectedStep }) => numbers?.cells && (numbers.cells.step[selectedStep] || numbers.cells.answer) || NONE;
  var fillGrid = (viewer) => {
    const { parts, size, flags, layout } = viewer;
    parts.view.toggles.grid.hidden = !layout;
    parts.grid.replaceChildren();
    if (!layout || !flags.grid) return;
    const viewBox = `0 0 ${size.width} ${size.height}`;
    const node = svg("svg", { viewBox, preserveAspectRatio: "none", class: "sv-gridlines" });
    const all3 = Array.from({ length: layout.count }, (_, cell) => cell);
    node.append(svg("path", { d: rectangles(layout, all3), class: "sv-gridline" }));
    const { told, covered } = cellsOf(viewer);
    for (const [cell, part] of Object.entries(covered)) {
      const d = rectangles(layout, [Number(cell)]);
      node.append(svg("path", { d, class: "sv-touched", "fill-opacity": 0.45 * part }));
    }
    node.append(svg("path", { d: rectangles(layout, told), class: "sv-covered" }));
    parts.grid.append(node);
  };
  var hoverCell = (viewer, event) => {
    const { parts, editor, flags, values, layout } = viewer;
    if (!layout || !flags.grid || !values || editor.drag) return;
    const { width, height } = viewer.size;
    const [x, y] = editor.pen(event).exact;
    const cell = layout.at(Math.min(x, width - 1), Math.min(y, height - 1));
    const total = sum(values);
    const share = total ? 100 * values[viewer.tokensBefore + cell] / total : 0;
    const { columns } = layout;
    const name = columns ? `row ${Math.floor(cell / columns) + 1}, column ${cell % columns + 1}` : `${cell + 1}`;
    const { told, covered } = cellsOf(viewer);
    const part = Math.round(100 * (covered[cell] || 0));
    const counts = told.includes(cell) ? "counts as theirs" : "does not count";
    const regions = part || told.includes(cell) ? ` · ${part} % of it in the regions: ${counts}` : "";
    parts.caption.textContent = `Cell ${name} · ${share.toFixed(1)} %${regions}`;
  };

  // viewer/numbers.js
  var HINT = "Draw a box on the picture to see how well the model looked there. Click a free spot to see which tokens looked at it.";
  var shown = (value, unit) => {
    if (value === null || value === void 0) return "–";
    if (unit === "share") return `${Math.round(100 * value)} %`;
    if (unit === "flag") return value ? "hit" : "miss";
    return value.toFixed(2).replace("-", "−");
  };
  var fillNumbers = (viewer) => {
    const { numbers, options } = viewer;
    const root = viewer.parts.numbers;
    root.replaceChildren();
    fillGrid(viewer);
    if (!viewer.rows) return;
    if (!viewer.editor.regions.length) {
      if (options.editable) root.append(el("p", "sv-note", HINT));
      return;
    }
    root.append(table2(viewer));
    for (const note of numbers?.notes || []) root.append(el("p", "sv-note is-warning", note));
    root.append(help(viewer));
  };
  var table2 = (viewer) => {
    const { numbers, options, selection, selectedStep } = viewer;
    const columns = [];
    if (selection.kind === "token") columns.push({ title: "Token", part: "token", index: selection.index });
    if (selectedStep >= 0)
      columns.push({ title: viewer.stepName(selectedStep), part: "step", index: selectedStep });
    columns.push({ title: "Whole answer", part: "answer", index: 0 });
    const node = el("table", "sv-table");
    node.append(
      line(
        "th",
        "In the regions",
        columns.map(({ title }) => title),
        ""
      )
    );
    for (const { name, label, meaning: meaning2, unit } of options.metrics) {
      const cells = columns.map(
        ({ part, index }) => numbers ? shown(numbers[part][name]?.[index], unit) : "…"
      );
      node.append(testId(line("td", label, cells, meaning2), `number-${name}`));
    }
    return node;
  };
  var line = (tag2, name, cells, meaning2) => {
    const row2 = el("tr");
    const head = el("th", "", name);
    head.title = meaning2;
    row2.title = meaning2;
    row2.append(head, ...cells.map((text) => el(tag2, "", text)));
    return row2;
  };
  var help = (viewer) => {
    const node = el("details", "sv-help");
    node.append(el("summary", "", "What do these numbers mean?"));
    for (const { label, meaning: meaning2 } of viewer.options.metrics) {
      const text = el("p", "");
      text.append(el("b", "", `${label}: `), document.createTextNode(meaning2));
      node.append(text);
    }
    node.open = viewer.helpOpen;
    node.addEventListener("toggle", () => {
      viewer.helpOpen = node.open;
    });
    return node;
  };

  // viewer/pictures.js
  var fillPictures = (viewer, anew = false) => {
    const { parts, value } = viewer;
    const pictures = value.pictures || [];
    const shown2 = pictures[viewer.picture];
    if (shown2 && parts.image.getAttribute("src") !== shown2.src) parts.image.src = shown2.src;
    if (shown2) parts.stage.style.setProperty("--ratio", String(shown2.width / shown2.height));
    const ids = pictures.map((it) => it.id).join();
    if (ids !== parts.strip.dataset.ids || anew) {
      parts.strip.dataset.ids = ids;
      parts.strip.replaceChildren();
      viewer.canvases = pictures.map(
        (picture, index) => index === viewer.picture ? parts.heat : thumbnail(viewer, picture, index)
      );
    }
    fillMarks(viewer);
  };
  var thumbnail = (viewer, { src, width, height }, index) => {
    const title = `Picture ${index + 1}: look closer and draw on it`;
    const node = testId(
      button("sv-thumb", "", title, () => viewer.showPicture(index)),
      `picture-${index}`
    );
    node.style.setProperty("--ratio", String(width / height));
    const image = Object.assign(el("img", "sv-image"), { src, alt: `Picture ${index + 1}` });
    const canvas = el("canvas", "sv-heat");
    node.append(image, canvas, el("span", "sv-thumbname", String(index + 1)));
    viewer.parts.strip.append(node);
    return canvas;
  };
  var fillMarks = (viewer) => {
    const { parts, value, size, flags, spot, picture, layout } = viewer;
    const mark2 = (box3, className, label) => parts.marks.append(boxNode(box3, size, className, label));
    parts.marks.replaceChildren();
    if (flags.truth && picture === 0)
      for (const it of value.truth || []) mark2(it.box_xyxy, "sv-true", it.label);
    if (!layout) return;
    if (flags.sinks) for (const cell of value.sinks?.[picture] || []) mark2(layout.cell(cell), "sv-sink", "");
    if (spot?.picture === picture) mark2(layout.cell(spot.cell), "sv-look", "");
  };

  // viewer/spot.js
  var MOST_LISTED2 = 6;
  var fillSpot = (viewer) => {
    const { parts, spot } = viewer;
    fillPictures(viewer);
    parts.spot.replaceChildren();
    const view = viewer.views[viewer.view];
    if (!spot || !view) return;
    const values = view.column(spot.column);
    const ranked = values.map((value, index) => ({ value, index })).filter((it) => it.value > 0);
    ranked.sort((a, b) => b.value - a.value);
    const title = ranked.length ? "Looked at this spot most:" : "No token looked at this spot.";
    parts.spot.append(el("span", "sv-spotname", title));
    const total = sum(values);
    for (const { value, index } of ranked.slice(0, MOST_LISTED2)) {
      const text = viewer.value.tokens?.[index].trim() || "·";
      const share = `${text} ${Math.round(100 * value / total)} %`;
      const node = button("sv-tool", share, `Token ${index + 1}`, () => viewer.select("token", index));
      parts.spot.append(testId(node, `spot-token-${index}`));
    }
    const forget2 = button("sv-tool", "✕", "Forget the spot (Escape)", () => viewer.forget());
    parts.spot.append(testId(forget2, "spot-clear"));
  };

  // viewer/tokens.js
  var THUMB_PX = 44;
  var fillTokens = (viewer, before) => {
    const { tokens = [], status } = viewer.value;
    const { chips, tail } = viewer;
    if (tail && status === "streaming" && before === "streaming" && chips.length <= tokens.length) {
      for (let i = chips.length; i < tokens.length; i++) tail.append(chip(viewer, i));
      return;
    }
    const root = viewer.parts.tokens;
    root.replaceChildren();
    Object.assign(viewer, { chips: [], marked: null, thumbs: [] });
    if (!tokens.length && status !== "streaming" && viewer.options.waiting)
      root.append(el("p", "sv-note", viewer.options.waiting));
    const inStep = /* @__PURE__ */ new Set();
    viewer.steps.forEach((step, index) => {
      const row2 = stepRow(viewer, step, index);
      for (let i = step.start; i < step.stop; i++) {
        row2.append(chip(viewer, i));
        inStep.add(i);
      }
    });
    const rest = tokens.map((_, i) => i).filter((i) => !inStep.has(i));
    if (rest.length || status === "streaming") {
      const line2 = el("div", "sv-step");
      const head = button("sv-stephead", viewer.steps.length ? "End" : "…", "", () => {
      });
      head.disabled = true;
      viewer.tail = el("span", "sv-chips");
      line2.append(head, viewer.tail);
      root.append(line2);
      viewer.tail.append(...rest.map((i) => chip(viewer, i)));
    }
    fillSpot(viewer);
    drawSteps(viewer);
    colourTokens(viewer);
  };
  var stepRow = (viewer, step, index) => {
    const name = viewer.stepName(index);
    const choose = () => viewer.select("step", index);
    const head = button("sv-stephead", name, "Select this step as a whole (Up and Down arrows)", choose);
    head.dataset.step = String(index);
    const thumb = el("canvas", "sv-stepmap");
    thumb.title = `Where ${name.toLowerCase()} looked`;
    thumb.addEventListener("click", choose);
    viewer.thumbs.push(thumb);
    const chips = el("span", "sv-chips");
    const folded = el("span", "sv-folded", step.text);
    folded.hidden = true;
    const fold = button("sv-fold", "▾", "Fold or unfold this step", () => {
      chips.hidden = !chips.hidden;
      folded.hidden = !chips.hidden;
      fold.textContent = chips.hidden ? "▸" : "▾";
      fold.setAttribute("aria-expanded", String(!chips.hidden));
    });
    fold.setAttribute("aria-expanded", "true");
    const heading = el("span", "sv-stepside");
    heading.append(testId(fold, `fold-${index}`), testId(head, `step-${index}`));
    const line2 = el("div", "sv-step");
    line2.dataset.row = String(index);
    line2.append(heading, thumb, chips, folded);
    viewer.parts.tokens.append(line2);
    return chips;
  };
  var chip = (viewer, index) => {
    const text = viewer.value.tokens?.[index] ?? "";
    const node = testId(el("button", "sv-chip", text.replace(/\n/g, "↵") || "·"), `token-${index}`);
    node.type = "button";
    node.dataset.token = String(index);
    node.disabled = index >= viewer.rows;
    node.tabIndex = -1;
    if (/^<\|.*\|>$/.test(text)) node.classList.add("is-special");
    if (viewer.value.top?.includes(index)) node.classList.add("is-top");
    node.addEventListener("click", () => viewer.select("token", index));
    viewer.chips[index] = node;
    return node;
  };
  var markTokens = (viewer) => {
    const { parts, marked } = viewer;
    const { kind, index } = viewer.selection;
    viewer.root.classList.toggle("is-whole", kind === "answer");
    if (marked) {
      marked.classList.remove("is-selected");
      marked.setAttribute("aria-pressed", "false");
      marked.tabIndex = -1;
    }
    const node = viewer.chips[kind === "token" ? index : 0];
    viewer.marked = node || null;
    if (node) node.tabIndex = 0;
    if (node && kind === "token") {
      node.classList.add("is-selected");
      node.setAttribute("aria-pressed", "true");
      if (node.offsetParent) keepInView(parts.tokens, node);
    }
    for (const row2 of parts.tokens.querySelectorAll(".sv-step[data-row]")) {
      const on = kind === "step" && row2.getAttribute("data-row") === String(index);
      row2.classList.toggle("is-step", on);
      row2.querySelector(".sv-stephead")?.setAttribute("aria-pressed", String(on));
    }
  };
  var keepInView = (box3, node) => {
    const [outer, inner] = [box3.getBoundingClientRect(), node.getBoundingClientRect()];
    if (inner.bottom > outer.bottom) box3.scrollTop += inner.bottom - outer.bottom + 8;
    if (inner.top < outer.top) box3.scrollTop -= outer.top - inner.top + 8;
  };
  var drawSteps = (viewer) => {
    const { layout, tokensBefore } = viewer;
    const view = viewer.views[viewer.view];
    viewer.thumbs.forEach((canvas, index) => {
      const values = view?.at("step", index);
      canvas.hidden = !values || !layout;
      if (!values || !layout) return;
      const scale = THUMB_PX / Math.max(layout.size.width, layout.size.height);
      canvas.style.width = `${scale * layout.size.width}px`;
      canvas.style.height = `${scale * layout.size.height}px`;
      paint([canvas], [layout], values.subarray(tokensBefore, tokensBefore + layout.count), 1);
    });
  };
  var COLOURS2 = {
    none: "nothing",
    share: "attention on the picture",
    entropy: "entropy",
    region: "attention in the boxes",
    spot: "attention on the clicked spot"
  };
  var coloured = ({ colour, value, numbers, spot, views, view }) => {
    if (colour === "share") return value.image_share;
    if (colour === "entropy") return value.entropies;
    if (colour === "region") return numbers?.token?.energy;
    if (colour === "spot") return spot && views[view]?.column(spot.column);
    return null;
  };
  var colourTokens = (viewer) => {
    const select2 = viewer.parts.play.colour;
    const missing2 = { region: !viewer.editor.regions.length, spot: !viewer.spot };
    fillChoice(
      select2,
      Object.entries(COLOURS2).map(([value, label]) => ({
        value,
        label,
        disabled: value === "region" && missing2.region || value === "spot" && missing2.spot
      }))
    );
    select2.value = viewer.colour;
    const values = viewer.rows && coloured(viewer) || [];
    const most = values.reduce((best, it) => Math.max(best, it || 0), 0);
    viewer.root.classList.toggle("is-coloured", most > 0);
    viewer.chips.forEach((node, index) => {
      const share = most > 0 ? (values[index] || 0) / most : 0;
      node.style.setProperty("--shade", `${Math.round(100 * share)}%`);
    });
  };

  // viewer/bars.js
  var mapBar = (viewer) => {
    const group = el("div", "sv-switch");
    group.setAttribute("role", "group");
    group.setAttribute("aria-label", "Map");
    const methods = viewer.options.methods.map((method, index) => {
      const node = button("sv-option", method.label, "", () => viewer.choose(method.name));
      node.dataset.method = method.name;
      return { method, key: index + 1, node: testId(node, `method-${method.name}`) };
    });
    group.append(...methods.map(({ node }) => node));
    const bar = el("div", "sv-bar sv-answered");
    bar.append(group, strengthSlider(viewer), scaleLegend());
    return { bar, methods };
  };
  var strengthSlider = (viewer) => {
    const slider = testId(el("input"), "strength");
    Object.assign(slider, { type: "range", min: 0, max: 100, value: 100 * viewer.strength });
    slider.addEventListener("input", () => {
      viewer.strength = Number(slider.value) / 100;
      viewer.draw();
    });
    const label = el("label", "sv-strength");
    label.append(el("span", "", "Overlay"), slider);
    return label;
  };
  var scaleLegend = () => {
    const node = testId(el("span", "sv-legend"), "legend");
    const scale = el("span", "sv-scale");
    scale.style.background = legend();
    node.append(el("span", "", "little"), scale, el("span", "", "most"));
    node.title = "Each map is scaled to its own largest value. Nothing is painted where the model did not look.";
    return node;
  };
  var viewBar = (viewer) => {
    const toggle = (name, text, title) => testId(
      button("sv-tool", text, title, () => viewer.set(name, !viewer.flags[name])),
      `toggle-${name}`
    );
    const toggles = {
      overlay: toggle("overlay", "Overlay", "Show or hide the map (H)"),
      grid: toggle(
        "grid",
        "Grid",
        "Show the image tokens, and which of them the regions cover (G); point at one to read its attention"
      ),
      truth: toggle("truth", "True boxes", "Show the objects that were drawn into this scene"),
      sinks: toggle(
        "sinks",
        "Sinks",
        "Outline attention sinks: image tokens that draw attention whatever is asked"
      )
    };
    const zoom = (name, text, title, run) => testId(button("sv-tool sv-small", text, title, run), `zoom-${name}`);
    const fit = zoom("fit", "100 %", "Fit the picture (F)", () => viewer.zoom.fit());
    const larger = "Larger (+, or Ctrl and the wheel); drag with the space bar or the middle button to move";
    const zooms = el("span", "sv-zooms");
    zooms.append(
      zoom("out", "−", "Smaller (−, or Ctrl and the wheel)", () => viewer.zoom.by(-1)),
      fit,
      zoom("in", "+", larger, () => viewer.zoom.by(1))
    );
    const bar = el("div", "sv-bar");
    bar.append(toggles.overlay, toggles.grid, toggles.truth, toggles.sinks, zooms);
    return { bar, toggles, fit };
  };
  var playBar = (viewer) => {
    const act = (testid, text, title, run) => testId(button("sv-tool", text, title, run), testid);
    const previous2 = act("previous", "‹", "Token before (Left arrow)", () => viewer.stepToken(-1));
    const play = act("play", "▶ Play", "Play the tokens (Space)", () => viewer.play());
    play.classList.add("sv-play");
    const next2 = act("next", "›", "Next token (Right arrow)", () => viewer.stepToken(1));
    const whole = act(
      "whole",
      "Whole answer",
      "The map of the whole answer (A)",
      () => viewer.select("answer", 0)
    );
    const colour = choice("colour", "What the colour of the tokens shows", [], (value) => {
      viewer.colour = /** @type {Viewer["colour"]} */
      value;
      colourTokens(viewer);
    });
    const label = el("label", "sv-strength");
    label.append(el("span", "", "Colour"), colour);
    const bar = el("div", "sv-bar sv-answered");
    bar.append(previous2, play, next2, whole, label);
    return { bar, play, whole, colour };
  };

  // viewer/status.js
  var fillMethods = (viewer) => {
    const { parts, view, wanted } = viewer;
    for (const { method, key, node } of parts.maps.methods) {
      const { name, description, formula } = method;
      const reason = viewer.reason(name);
      node.disabled = Boolean(reason);
      node.title = reason ? `Not here: ${reason}` : `${description}
${formula}
(key ${key})`;
      node.setAttribute("aria-pressed", String(name === view));
      node.classList.toggle("is-waiting", name === wanted);
    }
    viewer.root.classList.toggle("is-reward", view === "reward");
    if (!parts.heads) return;
    const layers = viewer.value.layers || [];
    fillChoice(parts.heads.layer, [
      { value: "", label: "as the map says" },
      ...layers.map((it) => ({ value: `layer:${it}`, label: `layer ${it + 1}` }))
    ]);
    parts.heads.layer.value = view.startsWith("layer:") ? view : "";
  };
  var fillState = (viewer) => {
    const { parts, selection, value } = viewer;
    const { toggles } = parts.view;
    markTokens(viewer);
    for (
      const name of
      /** @type {Flag[]} */
      Object.keys(toggles)
    )
      toggles[name].setAttribute("aria-pressed", String(viewer.flags[name]));
    toggles.truth.hidden = !value.truth?.length;
    toggles.overlay.hidden = !viewer.rows;
    const sinks = sum((value.sinks || []).map((it) => it.length));
    toggles.sinks.hidden = !sinks;
    if (sinks) toggles.sinks.textContent = sinks === 1 ? "1 sink" : `${sinks} sinks`;
    parts.play.whole.setAttribute("aria-pressed", String(selection.kind === "answer"));
    parts.play.play.textContent = viewer.timer ? "❚❚ Pause" : "▶ Play";
    parts.caption.textContent = caption(viewer);
    fillTools(viewer);
    fillGrid(viewer);
  };
  var caption = (viewer) => {
    const { selection, value, view } = viewer;
    if (!viewer.rows)
      return value.status === "streaming" ? "Answering … the overlay shows where the newest word looked." : "";
    const { kind, index } = selection;
    const [, layer, head] = view.match(/^(?:layer|head):(\d+):?(\d*)$/) || [];
    const one = layer ? ` Map: layer ${Number(layer) + 1}${head ? `, head ${Number(head) + 1}` : ""}.` : "";
    const once = viewer.views[view]?.once ? " This map is one for the whole answer." : one;
    if (kind === "answer")
      return `Showing the whole answer. Choose a token or a step, or use the arrow keys.${once}`;
    if (kind === "step") return `Showing ${viewer.stepName(index).toLowerCase()} as a whole.${once}`;
    const share = `${(100 * (value.image_share?.[index] ?? 0)).toFixed(1)} % of its attention is on the picture`;
    const entropy = `entropy ${(value.entropies?.[index] ?? 0).toFixed(2)} nats`;
    const reads = value.top?.includes(index) ? " The reward reads this token." : "";
    return `Token ${index + 1} of ${value.tokens?.length}: ${share}, ${entropy}.${reads}${once}`;
  };

  // viewer/parts.js
  var viewerParts = (viewer) => {
    const picture = pictureParts(viewer);
    const drawing = viewer.options.editable ? drawBars(viewer) : null;
    const heads = viewer.options.inspect ? headsPanel(viewer) : null;
    const maps = mapBar(viewer);
    const view = viewBar(viewer);
    const play = playBar(viewer);
    const strip = testId(el("div", "sv-strip"), "pictures");
    const regions = testId(el("ul", "sv-regions"), "regions");
    const draft = testId(el("div", "sv-bar sv-draftbar"), "draft");
    const left = el("div", "sv-left");
    left.append(draft, maps.bar, picture.frame, strip);
    if (drawing) left.append(drawing.bar, drawing.hints);
    left.append(view.bar, regions);
    const tokens = testId(el("div", "sv-tokens"), "tokens");
    const caption2 = testId(el("p", "sv-caption"), "caption");
    const spot = testId(el("div", "sv-spot"), "spot");
    const numbers = testId(el("div", "sv-numbers"), "numbers");
    const right = el("div", "sv-right");
    right.append(play.bar, tokens, caption2, spot, numbers);
    if (heads) right.append(heads.panel);
    return {
      ...picture,
      drawing,
      heads,
      maps,
      view,
      play,
      strip,
      regions,
      draft,
      tokens,
      caption: caption2,
      spot,
      numbers,
      tops: [left, right]
    };
  };
  var pictureParts = (viewer) => {
    const image = el("img", "sv-image");
    image.alt = "The picture";
    image.draggable = false;
    const heat = testId(el("canvas", "sv-heat"), "heat");
    const grid = testId(el("div", "sv-layer sv-layer-truth"), "grid");
    const marks = el("div", "sv-layer sv-layer-truth");
    const layer = testId(el("div", "sv-layer sv-layer-boxes"), "layer");
    layer.addEventListener("pointermove", (event) => hoverCell(viewer, event));
    layer.addEventListener("pointerleave", () => fillState(viewer));
    const stage = testId(el("div", "sv-stage"), "stage");
    stage.append(image, heat, grid, marks, layer);
    const empty = testId(el("p", "sv-hint"), "empty");
    const frame = el("div", "sv-frame");
    frame.append(stage, empty);
    return { image, heat, grid, marks, layer, stage, empty, frame };
  };

  // viewer/sheet.js
  var SHEET = {
    "The answer": [
      ["← →", "token before, next token"],
      ["↑ ↓", "step before, next step"],
      ["A", "the whole answer"],
      ["Space", "play the tokens"],
      ["1 – 9", "choose a map (a label while a region is selected)"]
    ],
    "The picture": [
      ["H", "show or hide the map"],
      ["G", "show the grid of image tokens and what the regions cover"],
      ["V held", "hide everything but the picture"],
      ["+ −, Ctrl + wheel", "zoom"],
      ["F", "fit the picture"],
      ["Space + drag, middle button", "move the picture"]
    ],
    Drawing: [
      ["S B P R E", "select, box, polygon, brush, erase"],
      ["X", "look here, or do not look here: the selected region, or what you draw next"],
      ["[ ]", "size of the brush"],
      ["Enter", "close a polygon"],
      ["Backspace", "take a polygon's last corner back"],
      ["Alt + click", "remove a corner of a polygon"],
      ["Escape", "leave what is begun or selected"],
      ["Ctrl + Z, Ctrl + Shift + Z", "undo, redo"],
      ["K", "propose regions: the peaks of the map"],
      ["C", "copy the regions of the picture before"]
    ],
    "The selected region": [
      ["Alt + arrows", "move by a pixel, with Shift by ten"],
      ["1 – 9", "choose a label"],
      ["L", "write a label"],
      ["Ctrl + D", "duplicate"],
      ["Delete", "delete it, or its selected corner"]
    ]
  };
  var toggleSheet = (viewer) => {
    const open = (
      /** @type {HTMLDialogElement | null} */
      viewer.root.querySelector(".sv-sheet")
    );
    if (open) return open.close();
    const sheet = testId(el("dialog", "sv-sheet"), "sheet");
    const close = button("sv-tool", "Close", "Close (Escape)", () => sheet.close());
    const head = el("div", "sv-sheethead");
    head.append(el("b", "", "Keys"), testId(close, "sheet-close"));
    const columns = el("div", "sv-sheetcolumns");
    columns.append(...Object.entries(SHEET).map(([title, keys]) => section(title, keys)));
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
  var section = (title, keys) => {
    const list = el("dl");
    for (const [key, meaning2] of keys) list.append(el("dt", "", key), el("dd", "", meaning2));
    const part = el("section");
    part.append(el("h4", "", title), list);
    return part;
  };

  // maps/layout.js
  var PAINT_SIDE = 512;
  var layoutOf = ({ width, height, grid }) => grid.grid_hw ? regularLayout({ width, height }, ...grid.grid_hw) : cellLayout({ width, height }, grid.cells_xyxy ?? []);
  var regularLayout = (size, rows, columns) => {
    const [w, h] = [size.width / columns, size.height / rows];
    const place = (value, whole, count) => Math.min(Math.floor(value / whole * count), count - 1);
    return {
      size,
      width: columns,
      height: rows,
      columns,
      count: rows * columns,
      painted: (values) => values,
      cell(index) {
        const [row2, column] = [Math.floor(index / columns), index % columns];
        return [column * w, row2 * h, (column + 1) * w, (row2 + 1) * h];
      },
      at: (x, y) => place(y, size.height, rows) * columns + place(x, size.width, columns)
    };
  };
  var area = ([x0, y0, x1, y1]) => (x1 - x0) * (y1 - y0);
  var cellLayout = (size, cells) => {
    const scale = Math.min(1, PAINT_SIDE / Math.max(size.width, size.height));
    const height = Math.max(1, Math.round(size.height * scale));
    const width = Math.max(1, Math.round(size.width * scale));
    const shown2 = cells.filter((cell) => area(cell) > 0).length;
    const spans = cells.map((cell) => area(cell) > 0 ? span(cell, scale, { width, height }) : null);
    const spread2 = width * height / shown2;
    return {
      size,
      width,
      height,
      count: cells.length,
      painted(values) {
        const canvas = new Float32Array(width * height);
        spans.forEach((box3, index) => {
          if (!box3 || !values[index]) return;
          const [x0, y0, x1, y1] = box3;
          const part = values[index] * spread2 / area(box3);
          for (let y = y0; y < y1; y++) for (let i = y * width + x0; i < y * width + x1; i++) canvas[i] += part;
        });
        return canvas;
      },
      cell: (index) => cells[index],
      at: (x, y) => nearest(cells, x, y)
    };
  };
  var span = (cell, scale, { width, height }) => {
    const inside = (value, most) => clamp(Math.round(value), 0, most);
    const [left, top, right, bottom] = cell.map((edge) => edge * scale);
    const [x0, y0] = [inside(left, width - 1), inside(top, height - 1)];
    return [x0, y0, Math.max(inside(right, width), x0 + 1), Math.max(inside(bottom, height), y0 + 1)];
  };
  var nearest = (cells, x, y) => {
    let [best, least] = [0, Number.POSITIVE_INFINITY];
    cells.forEach(([x0, y0, x1, y1], index) => {
      const inside = x >= x0 && x < x1 && y >= y0 && y < y1;
      const far = Math.hypot((x0 + x1) / 2 - x, (y0 + y1) / 2 - y);
      const rank = inside ? (x1 - x0) * (y1 - y0) : 1e12 * (1 + far);
      if (rank < least) [best, least] = [index, rank];
    });
    return best;
  };

  // viewer/state.js
  var ViewerState = class {
    /** What the server sent last. */
    value = (
      /** @type {Value} */
      {}
    );
    /** @type {Record<string, View>} */
    views = {};
    /** Of each picture; null before there is an answer. @type {(Layout | null)[]} */
    layouts = [];
    /** The name of the map that is shown. */
    view = "centred";
    /** Opacity of the overlay. */
    strength = 0.75;
    /** Which picture is shown large. */
    picture = 0;
    /** @type {Selection} */
    selection = { kind: "answer", index: 0 };
    /** @type {Record<Flag, boolean>} */
    flags = { overlay: true, truth: false, sinks: false, grid: false };
    /** The regions of each picture; those of the one that is shown are the editor's. @type {Record<number, Region[]>} */
    byPicture = {};
    /** @type {Numbers | null} */
    numbers = null;
    /** @type {HeadsReply | null} */
    heads = null;
    /** What the colours of the matrix of heads show. @type {Figure} */
    figure = "share";
    /** What the colours of the tokens show. @type {Colour} */
    colour = "none";
    /** An image token that was clicked: of its picture, and among those of all pictures. @type {{ picture: number, cell: number, column: number } | null} */
    spot = null;
    /** Read the maps that came with the answer. */
    unpack() {
      this.layouts = (this.value.pictures || []).map(
        (it) => it.grid ? layoutOf({ ...it, grid: it.grid }) : null
      );
      this.views = {};
      for (const [name, data] of Object.entries(this.value.views || {}))
        this.views[name] = new View(data, this.nImages);
    }
    get steps() {
      return this.value.steps || [];
    }
    /** Rows of attention: one a token but for the last; 0 while there is no whole answer. */
    get rows() {
      return this.value.status === "done" ? Math.max((this.value.tokens?.length || 0) - 1, 0) : 0;
    }
    /** Image tokens of all pictures together. */
    get nImages() {
      return sum(this.layouts.map((it) => it?.count || 0));
    }
    /** Image tokens of the pictures before the one that is shown. */
    get tokensBefore() {
      return sum(this.layouts.slice(0, this.picture).map((it) => it?.count || 0));
    }
    /** Of the picture that is shown. */
    get layout() {
      return this.layouts[this.picture] || null;
    }
    get size() {
      const { width = 0, height = 0 } = this.value.pictures?.[this.picture] || {};
      return { width, height };
    }
    get pictureId() {
      return this.value.pictures?.[this.picture]?.id;
    }
    /** The step that is selected, or to which the selected token belongs; -1 for none. */
    get selectedStep() {
      const { kind, index } = this.selection;
      if (kind === "token") return this.steps.findIndex((step) => index >= step.start && index < step.stop);
      return kind === "step" ? index : -1;
    }
    /** @param {number} index */
    stepName(index) {
      return this.steps[index].kind === "answer" ? "Answer" : `Step ${index + 1}`;
    }
    /** The map that is to be seen now: of the selection, or of the newest token while the answer is written. */
    get values() {
      if (this.value.live) return bytesOf(this.value.live);
      return this.views[this.view]?.at(this.selection.kind, this.selection.index) || null;
    }
    /** @returns {PlacedRegion[]} */
    allRegions() {
      return Object.entries(this.byPicture).flatMap(
        ([picture, regions]) => regions.map((region) => Number(picture) ? { ...region, picture: Number(picture) } : region)
      );
    }
    /**
     * Why a view cannot be shown; "" where it can.
     * @param {string} name
     */
    reason(name) {
      return this.value.unavailable?.[name] || "";
    }
  };

  // viewer/zoom.js
  var STEP = 1.25;
  var MOST_PIXEL = 24;
  var CRISP = 3;
  var Zoom = class {
    zoom = 1;
    /** Where the fingers are on the screen. @type {Map<number, Point>} */
    fingers = /* @__PURE__ */ new Map();
    spaceHeld = false;
    /** The picture was dragged while the space bar was held. */
    panned = false;
    /** @type {{ id: number, at: Point } | null} */
    panning = null;
    /**
     * @param {HTMLElement} frame
     * @param {HTMLElement} stage
     * @param {{ editor: RegionEditor, changed: () => void }} hooks
     */
    constructor(frame, stage, { editor, changed }) {
      this.frame = frame;
      this.stage = stage;
      this.editor = editor;
      this.changed = changed;
      frame.addEventListener("wheel", (event) => this.wheel(event), { passive: false });
      frame.addEventListener("pointerdown", (event) => this.pointerdown(event), true);
      frame.addEventListener("pointermove", (event) => this.pointermove(event), true);
      frame.addEventListener("pointerup", (event) => this.pointerup(event), true);
      frame.addEventListener("pointercancel", (event) => this.pointercancel(event), true);
    }
    get most() {
      if (!this.stage.offsetWidth) return 1;
      const plain2 = this.stage.offsetWidth / this.zoom;
      return Math.max(8, MOST_PIXEL * this.editor.size.width / plain2);
    }
    /**
     * Zoom so that what lies under a point of the screen stays there; without one, the middle.
     * @param {number} zoom
     * @param {Point} [point]
     */
    set(zoom, point) {
      const { frame, stage } = this;
      const outer = frame.getBoundingClientRect();
      const [x, y] = point || [outer.left + outer.width / 2, outer.top + outer.height / 2];
      const before = stage.getBoundingClientRect();
      const [across, down] = [(x - before.left) / before.width, (y - before.top) / before.height];
      const next2 = clamp(zoom, 1, this.most);
      if (this.zoom === 1 && next2 > 1) frame.style.height = `${frame.offsetHeight}px`;
      if (next2 === 1) frame.style.height = "";
      this.zoom = next2;
      frame.classList.toggle("is-zoomed", next2 > 1);
      stage.style.setProperty("--zoom", String(next2));
      const after = stage.getBoundingClientRect();
      const page = after.width / stage.offsetWidth;
      frame.scrollLeft += (after.left + across * after.width - x) / page;
      frame.scrollTop += (after.top + down * after.height - y) / page;
      stage.classList.toggle("is-crisp", stage.offsetWidth / this.editor.size.width >= CRISP);
      this.changed();
    }
    /**
     * @param {number} steps
     * @param {Point} [point]
     */
    by(steps, point) {
      this.set(this.zoom * STEP ** steps, point);
    }
    fit() {
      if (this.zoom > 1) this.set(1);
    }
    /**
     * @param {number} dx screen pixels
     * @param {number} dy
     */
    pan(dx, dy) {
      this.frame.scrollLeft -= dx;
      this.frame.scrollTop -= dy;
    }
    /** @param {WheelEvent} event */
    wheel(event) {
      if (!(event.ctrlKey || event.metaKey) || !this.editor.size.width) return;
      event.preventDefault();
      this.set(this.zoom * Math.exp(-event.deltaY / 400), [event.clientX, event.clientY]);
    }
    // ---- two fingers, the middle button, and a drag while the space bar is held
    /** @param {PointerEvent} event */
    pointerdown(event) {
      if (event.pointerType === "touch") {
        this.fingers.set(event.pointerId, [event.clientX, event.clientY]);
        if (this.fingers.size < 2) return;
        this.editor.cancel();
        return event.stopPropagation();
      }
      if (event.button !== 1 && !(this.spaceHeld && event.button === 0)) return;
      event.preventDefault();
      event.stopPropagation();
      this.frame.setPointerCapture(event.pointerId);
      this.panning = { id: event.pointerId, at: [event.clientX, event.clientY] };
    }
    /** @param {PointerEvent} event */
    pointermove(event) {
      if (this.panning?.id === event.pointerId) {
        const [x, y] = this.panning.at;
        this.pan(event.clientX - x, event.clientY - y);
        this.panning.at = [event.clientX, event.clientY];
        this.panned = true;
        return event.stopPropagation();
      }
      if (!this.fingers.has(event.pointerId)) return;
      const before = spread(this.fingers);
      this.fingers.set(event.pointerId, [event.clientX, event.clientY]);
      if (this.fingers.size !== 2) return;
      event.stopPropagation();
      const after = spread(this.fingers);
      this.pan(after.middle[0] - before.middle[0], after.middle[1] - before.middle[1]);
      if (before.far > 0) this.set(this.zoom * after.far / before.far, after.middle);
    }
    /** @param {PointerEvent} event */
    pointerup(event) {
      if (this.panning?.id === event.pointerId) {
        this.panning = null;
        event.stopPropagation();
      }
      if (this.fingers.size > 1) event.stopPropagation();
      this.fingers.delete(event.pointerId);
    }
    /** @param {PointerEvent} event */
    pointercancel(event) {
      this.fingers.delete(event.pointerId);
      this.panning = null;
    }
    /** The space bar plays, unless the picture was dragged while it was held. True where it was. */
    releaseSpace() {
      const { panned } = this;
      Object.assign(this, { spaceHeld: false, panned: false });
      return panned;
    }
  };
  var spread = (fingers) => {
    const [[ax, ay], [bx, by] = [ax, ay]] = fingers.values();
    return { far: Math.hypot(ax - bx, ay - by), middle: [(ax + bx) / 2, (ay + by) / 2] };
  };

  // viewer/viewer.js
  var PLAY_MS = 350;
  var revisions = 0;
  var Viewer = class extends ViewerState {
    /** The one that the server was asked for. @type {string | null} */
    waiting = null;
    /** The one that is to be shown when its maps have come. @type {string | null} */
    wanted = null;
    /** Of the last question for numbers. */
    revision = 0;
    proposalsAsked = 0;
    headsAsked = 0;
    /** While it plays. @type {ReturnType<typeof setInterval> | null} */
    timer = null;
    /** @type {ReturnType<typeof setTimeout> | undefined} */
    chartTimer = void 0;
    helpOpen = false;
    /** What the list of regions was made of. */
    listed = "";
    /** The overlay of each picture. @type {HTMLCanvasElement[]} */
    canvases = [];
    /** The tokens. @type {HTMLButtonElement[]} */
    chips = [];
    /** The one that is marked. @type {HTMLButtonElement | null} */
    marked = null;
    /** Maps of the steps. @type {HTMLCanvasElement[]} */
    thumbs = [];
    /** Where further tokens go. @type {HTMLElement | null} */
    tail = null;
    /**
     * @param {HTMLElement} root
     * @param {Options} options
     * @param {(name: Question, detail: object) => void} trigger
     */
    constructor(root, options, trigger) {
      super();
      this.root = root;
      this.options = options;
      this.trigger = trigger;
      this.history = historyOf(options.group || options.id);
      this.parts = viewerParts(this);
      root.dataset.viewer = options.id;
      root.classList.toggle("is-narrow", options.narrow);
      root.replaceChildren(...this.parts.tops);
      const { frame, stage, layer, view } = this.parts;
      this.editor = new RegionEditor(layer, editorHooks(this));
      this.editor.enabled = options.editable;
      if (matchMedia("(pointer: coarse)").matches) this.editor.tool = tools.select;
      this.zoom = new Zoom(frame, stage, {
        editor: this.editor,
        changed: () => {
          view.fit.textContent = `${Math.round(100 * this.zoom.zoom)} %`;
        }
      });
      root.addEventListener("keydown", (event) => viewerKey(this, event));
      root.addEventListener("keyup", (event) => viewerKeyUp(this, event));
      window.addEventListener("blur", () => viewerBlur(this));
      this.history.addEventListener("changed", () => fillTools(this));
      for (const field2 of options.fields) followField(field2, this);
      window.addEventListener(
        "sayo:sync",
        (event) => this.synced(
          /** @type {CustomEvent<Sync>} */
          event.detail
        )
      );
    }
    // ---- what the server sends
    /** @param {Value} value */
    show(value) {
      const before = this.value;
      this.value = value;
      const fresh = value.id !== before.id;
      const changed = fresh || value.status !== before.status;
      this.root.classList.toggle("is-empty", !value.pictures?.length);
      this.root.classList.toggle("is-streaming", value.status === "streaming");
      this.root.classList.toggle("has-answer", Boolean(value.tokens?.length));
      this.parts.empty.textContent = value.pictures?.length ? "" : value.hint || "";
      if (fresh) this.startAnswer(before);
      else if (changed && !this.options.editable) takeRegions(this, value.regions || []);
      if (value.status === "streaming" && before.status !== "streaming") this.bringIntoView();
      if (changed) this.takeMaps();
      fillPictures(this, !before.pictures);
      fillTokens(this, fresh ? void 0 : before.status);
      fillMethods(this);
      this.draw();
      if (changed) {
        this.measure();
        askDraft(this);
      }
    }
    /** @param {Value} before */
    startAnswer(before) {
      this.stop();
      const left = before.pictures?.[0];
      const samePicture = left !== void 0 && left.id === this.value.pictures?.[0]?.id;
      if (!samePicture) {
        keepLast(this, before.pictures?.[this.picture]);
        this.picture = 0;
      }
      Object.assign(this, { spot: null, heads: null, numbers: null, waiting: null, wanted: null });
      this.selection = { kind: "answer", index: 0 };
      beginRegions(this, before, samePicture);
      this.zoom.fit();
    }
    takeMaps() {
      this.unpack();
      if (!this.views[this.view]) this.view = this.options.methods[0].name;
    }
    bringIntoView() {
      const { top } = this.root.getBoundingClientRect();
      if (top < 0 || top > 0.6 * innerHeight) this.root.scrollIntoView({ block: "start" });
    }
    /** @param {Numbers | undefined} numbers */
    showNumbers(numbers) {
      if (!numbers || numbers.id !== this.value.id || numbers.revision !== this.revision) return;
      this.numbers = numbers;
      this.sync({ numbers });
      fillNumbers(this);
      colourTokens(this);
    }
    /** @param {MapsReply | undefined} reply */
    showMaps(reply) {
      if (!reply || reply.id !== this.value.id) return;
      this.waiting = null;
      if (reply.data) this.views[reply.view] = new View(reply.data, this.nImages);
      else if (this.wanted === reply.view) this.wanted = null;
      const next2 = this.wanted;
      if (next2 && next2 !== reply.view) return this.choose(next2);
      if (next2) {
        this.wanted = null;
        this.setView(next2);
      } else fillMethods(this);
    }
    /** @param {HeadsReply | undefined} heads */
    showHeads(heads) {
      if (!heads || heads.id !== this.value.id || heads.revision !== this.headsAsked) return;
      this.heads = heads;
      fillHeads(this);
    }
    // ---- what the person does
    /** @param {boolean} committed */
    edited(committed) {
      if (committed) {
        this.byPicture[this.picture] = this.editor.regions;
        this.measure();
        this.sync({ regions: this.allRegions() });
        this.autosave();
      }
      fillTools(this);
      fillRegions(this);
      fillNumbers(this);
    }
    autosave() {
      autosave(this);
    }
    fillDraft() {
      fillDraft(this);
    }
    /** Ask for the figures of the boxes in the view that is shown. */
    measure() {
      this.numbers = null;
      this.revision = ++revisions;
      const { options, picture, revision, view } = this;
      const { id, measured } = this.value;
      if (options.group && options.editable) groups[options.group] = { id, regions: this.allRegions() };
      if (!this.rows || !this.views[view]) return;
      if (measured) this.numbers = measured[view] ?? null;
      else this.trigger("regions", { id, revision, view, picture, regions: this.editor.regions });
    }
    state() {
      const { value, view, selection, strength, picture } = this;
      const { regions } = this.editor;
      return { id: value.id || "", regions, all: this.allRegions(), view, selection, strength, picture };
    }
    /**
     * Show a view; the server is asked for its maps where they are not here yet, one at a time.
     * @param {string} name
     */
    choose(name) {
      if (this.reason(name)) return;
      if (this.views[name]) {
        this.wanted = null;
        return this.setView(name);
      }
      this.wanted = name;
      fillMethods(this);
      if (this.waiting) return;
      this.waiting = name;
      const method = this.options.methods.find((it) => it.name === name);
      const needsModel = method ? method.needs === "model" : name.startsWith("head:");
      this.trigger(needsModel ? "model" : "view", { id: this.value.id, view: name });
    }
    /** @param {string} name */
    setView(name) {
      this.view = name;
      fillMethods(this);
      drawSteps(this);
      this.draw();
      this.measure();
      if (this.spot) fillSpot(this);
      colourTokens(this);
      fillHeads(this);
    }
    /**
     * @param {Kind} kind
     * @param {number} index
     * @param {boolean} [quiet] without telling the group
     */
    select(kind, index, quiet = false) {
      const most = { answer: 1, step: this.steps.length, token: this.rows }[kind];
      if (!most) return;
      this.selection = { kind, index: clamp(index, 0, most - 1) };
      this.draw();
      if (!quiet) this.sync({ selection: this.selection });
    }
    /** @param {number} by */
    stepToken(by) {
      const { kind, index } = this.selection;
      if (kind === "token") this.select("token", index + by);
      else if (kind === "step") this.select("token", this.steps[index].start);
      else this.select("token", by > 0 ? 0 : this.rows - 1);
    }
    /** @param {number} by */
    stepStep(by) {
      const from = this.selection.kind === "answer" ? by > 0 ? -1 : this.steps.length : this.selectedStep;
      this.select("step", from + by);
    }
    play() {
      if (this.timer) return this.stop();
      if (!this.rows) return;
      if (this.selection.kind !== "token" || this.selection.index >= this.rows - 1) this.select("token", 0);
      this.timer = setInterval(() => {
        if (!this.root.isConnected || this.selection.index >= this.rows - 1) return this.stop();
        this.stepToken(1);
      }, PLAY_MS);
      this.draw();
    }
    stop() {
      if (this.timer) clearInterval(this.timer);
      this.timer = null;
      fillState(this);
    }
    /**
     * Reverse look-up: which tokens looked at this spot of the picture?
     * @param {number} x
     * @param {number} y
     */
    look(x, y) {
      const { layout, picture, size } = this;
      if (!this.rows || !layout) return;
      const cell = layout.at(Math.min(x, size.width - 1), Math.min(y, size.height - 1));
      this.spot = { picture, cell, column: this.tokensBefore + cell };
      this.colour = "spot";
      fillSpot(this);
      colourTokens(this);
    }
    forget() {
      this.spot = null;
      if (this.colour === "spot") this.colour = "none";
      fillSpot(this);
      colourTokens(this);
    }
    /** @param {number} index */
    showPicture(index) {
      this.byPicture[this.picture] = this.editor.regions;
      keepLast(this, this.value.pictures?.[this.picture]);
      this.picture = index;
      this.editor.size = this.size;
      this.editor.reset(this.byPicture[index] || []);
      this.zoom.fit();
      fillPictures(this, true);
      this.draw();
      this.measure();
    }
    /**
     * @param {Flag} name
     * @param {boolean} on
     */
    set(name, on) {
      this.flags[name] = on;
      fillPictures(this);
      this.draw();
    }
    toggleSheet() {
      toggleSheet(this);
    }
    /** @param {Pick<Sync, "selection" | "regions" | "numbers">} change */
    sync(change) {
      const detail = { source: this, group: this.options.group, id: this.value.id, ...change };
      window.dispatchEvent(new CustomEvent("sayo:sync", { detail }));
    }
    /** @param {Sync} told */
    synced({ source, group, id, selection, regions, numbers }) {
      if (source === this || !group || group !== this.options.group || !this.root.isConnected) return;
      if (selection) this.select(selection.kind, selection.index, true);
      if (id !== this.value.id || !this.options.editable) return;
      if (regions) {
        takeRegions(this, regions);
        this.numbers = null;
        fillRegions(this);
        fillNumbers(this);
      }
      if (numbers && numbers.view === this.view && numbers.picture === this.picture) {
        this.numbers = numbers;
        fillNumbers(this);
      }
    }
    // ---- drawing
    draw() {
      const layouts = this.layouts.filter((it) => it !== null);
      const values = layouts.length === this.layouts.length ? this.values : null;
      const shown2 = values !== null && this.flags.overlay;
      for (const canvas of this.canvases) canvas.hidden = !shown2;
      if (shown2) paint(this.canvases, layouts, values, this.strength);
      fillState(this);
      fillRegions(this);
      fillNumbers(this);
      markChart(this);
    }
  };

  // viewer/mount.js
  var mountViewer = ({ element, props, trigger, watch }, options, events) => {
    const root = (
      /** @type {HTMLElement} */
      element.querySelector(".sv")
    );
    useColours(options.colours);
    followStorage();
    const viewer = new Viewer(root, options, (name, detail) => trigger(events[name] ?? name, detail));
    viewers[options.id] = viewer;
    const value = () => (
      /** @type {Value} */
      props.value || {}
    );
    watch("value", () => viewer.show(value()));
    watch("numbers", () => viewer.showNumbers(props.numbers));
    watch("maps", () => viewer.showMaps(props.maps));
    watch("proposals", () => showProposals(viewer, props.proposals));
    watch("draft", () => showDraft(viewer, props.draft));
    watch("heads", () => viewer.showHeads(props.heads));
    viewer.show(value());
  };
  var regionsOf = (id) => JSON.stringify(viewers[id]?.state() || { id: "", regions: [] });

  // worklist/cards.js
  var mountCards = ({ element, props, trigger, watch }, picked) => {
    const root = (
      /** @type {HTMLElement} */
      element.querySelector(".sc")
    );
    const render = () => {
      const { items = [], empty = "" } = props.value || {};
      root.replaceChildren(...items.map((item) => card(item, () => trigger(picked, { id: item.id }))));
      if (!items.length && empty) root.append(el("p", "sc-empty", empty));
      mark2();
    };
    const mark2 = () => {
      root.classList.toggle("sc-lane", Boolean(props.active));
      for (
        const node of
        /** @type {NodeListOf<HTMLElement>} */
        root.querySelectorAll(".sc-card")
      ) {
        const active = node.dataset.id === String(props.active);
        node.classList.toggle("is-active", active);
        if (active)
          root.scrollLeft = node.offsetLeft - root.offsetLeft - (root.clientWidth - node.offsetWidth) / 2;
      }
    };
    watch("value", render);
    watch("active", mark2);
    render();
  };
  var card = ({ id, src, title, lines, badge }, pick) => {
    const node = el("button", "sc-card");
    node.type = "button";
    node.dataset.testid = `card-${id}`;
    node.dataset.id = String(id);
    node.append(Object.assign(el("img", "sc-picture"), { src, alt: "", loading: "lazy" }));
    const text = el("span", "sc-text");
    if (badge) text.append(el("span", `sc-badge sc-badge-${badge.kind}`, badge.text));
    if (title) text.append(el("span", "sc-title", title));
    for (const line2 of lines || []) text.append(el("span", "sc-line", line2));
    if (text.childNodes.length) node.append(text);
    node.addEventListener("click", pick);
    return node;
  };

  // worklist/keys.js
  var at = (name) => document.querySelector(`#corrections-${name}`);
  var visible = (name) => Boolean(at(name)?.offsetParent);
  var press = (name) => () => at(name)?.click();
  var focus = (name) => () => (
    /** @type {HTMLElement | null} */
    document.querySelector(`#corrections-${name} :is(textarea, input)`)?.focus()
  );
  var next = press("next");
  var previous = press("previous");
  var onward = () => {
    if (visible("detail")) return next();
    document.querySelector("#corrections-gallery .sc-card")?.click();
  };
  var submit = () => {
    document.activeElement.blur();
    press("submit")();
  };
  var letters = {
    n: onward,
    t: focus("answer"),
    m: press("ask"),
    u: focus("reason"),
    i: press("flag"),
    y: press("accept"),
    w: focus("comment")
  };
  var SHEET2 = [
    ["N", "next; opens the first one"],
    ["Shift + N", "previous"],
    ["Ctrl + Enter", "submit, go to the next"],
    ["T", "type the right answer"],
    ["U, why, Enter", "skip: unusable"],
    ["I", "flag, or take the flag away"],
    ["M", "ask the model"],
    ["Y", "accept"],
    ["W, what, Enter", "send back: wrong"],
    ["Escape", "leave a text field"]
  ];
  var letterOf = ({ altKey, code, key }) => (altKey ? code.replace("Key", "") : key).toLowerCase();
  var meaning = (event) => {
    const target = (
      /** @type {HTMLElement} */
      event.target
    );
    const typing = /^(INPUT|SELECT|TEXTAREA)$/.test(target.tagName) || target.isContentEditable;
    if (event.ctrlKey || event.metaKey)
      return event.key === "Enter" && !event.altKey && visible("detail") ? submit : null;
    if (event.key === "Escape") return typing ? () => target.blur() : null;
    if (typing && !event.altKey) return null;
    const letter = letterOf(event);
    if (event.shiftKey) return letter === "n" ? previous : null;
    return Object.hasOwn(letters, letter) ? letters[letter] : null;
  };
  var onKey = (event) => {
    if (event.defaultPrevented || event.isComposing || !visible("gallery")) return;
    const act = meaning(event);
    if (!act) return;
    event.preventDefault();
    act();
  };
  var onKeyUp = (event) => {
    if (event.key !== "Enter" || event.shiftKey) return;
    const target = (
      /** @type {HTMLElement} */
      event.target
    );
    if (target.closest?.("#corrections-reason, #corrections-comment")) target.blur();
  };
  var showOpened = () => at("detail")?.scrollIntoView({ block: "start" });
  var listening = false;
  var mountKeys = (element) => {
    if (!listening) {
      document.addEventListener("keydown", onKey);
      document.addEventListener("keyup", onKeyUp);
    }
    listening = true;
    const list = el("dl");
    for (const [key, what] of SHEET2) list.append(el("dt", "", key), el("dd", "", what));
    const hint = "In a text field the letters need Alt. On the picture, ? lists the keys of drawing.";
    element.querySelector(".work-keys")?.append(el("summary", "", "Keys"), list, el("p", "hint", hint));
  };

  // main.js
  Object.assign(window, {
    sayo: { beat, mountViewer, mountCards, mountKeys, mountPulse, regionsOf, showOpened, viewers }
  });
})();
