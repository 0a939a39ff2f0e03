/* The viewer: pictures with an attention overlay, the answer as tokens and steps, and regions.
 *
 * props.value:   what to show (see sayo_app/ui/viewer/values.py for its fields); sent once an answer.
 * props.numbers: the server's figures for the boxes; sent after every change of them.
 * props.maps:    the maps of one more view {id, view, data | reason}, sent when it was asked for.
 * props.heads:   figures of every layer and head {id, ...}, sent when they were asked for.
 * options:       {id, editable, inspect, narrow, group, chart, methods, waiting}. Viewers of one group step together;
 *                those that show the same answer share its boxes too.
 * events:        names of the events {regions, view, model, heads}.
 * Stepping, blending and drawing never ask the server.
 */
(() => {
  const sayo = (window.sayo ??= {});
  sayo.groups ??= {};
  sayo.viewers ??= {};
  const PLAY_MS = 350;
  let revisions = 0;

  sayo.viewer = ({ element, props, trigger, watch }, options, events) => {
    const viewer = new Viewer(element.querySelector(".sv"), options, (name, detail) => trigger(events[name], detail));
    sayo.viewers[options.id] = viewer;
    watch("value", () => viewer.show(props.value || {}));
    watch("numbers", () => viewer.showNumbers(props.numbers));
    watch("maps", () => viewer.showMaps(props.maps));
    watch("proposals", () => sayo.showProposals(viewer, props.proposals));
    watch("draft", () => sayo.showDraft(viewer, props.draft));
    watch("heads", () => viewer.showHeads(props.heads));
    viewer.show(props.value || {});
  };

  /* The boxes and what is shown, for a handler's js (read at the moment of the click). */
  sayo.regionsOf = (id) => JSON.stringify(sayo.viewers[id]?.state() || { id: "", regions: [] });

  class Viewer {
    constructor(root, options, trigger) {
      Object.assign(this, { root, options, trigger, value: {}, views: {}, waiting: null, wanted: null });
      Object.assign(this, { view: "centred", strength: 0.75, picture: 0, colour: "none", spot: null, numbers: null });
      this.selection = { kind: "answer", index: 0 };
      this.flags = { overlay: true, truth: false, sinks: false, grid: false };
      this.history = sayo.history(options.group || options.id);
      this.parts = sayo.viewerParts(this);
      root.dataset.viewer = options.id;
      root.classList.toggle("is-narrow", options.narrow);
      root.replaceChildren(...this.parts.tops);
      this.editor = new sayo.RegionEditor(this.parts.layer, sayo.editorHooks(this));
      this.editor.enabled = options.editable;
      if (matchMedia("(pointer: coarse)").matches) this.editor.tool = sayo.tools.select; // a finger scrolls at first
      const { frame, stage, fit } = this.parts;
      const changed = () => (fit.textContent = `${Math.round(100 * this.zoom.zoom)} %`);
      this.zoom = new sayo.Zoom(frame, stage, { editor: this.editor, changed });
      root.addEventListener("keydown", (event) => sayo.viewerKey(this, event));
      root.addEventListener("keyup", (event) => sayo.viewerKeyUp(this, event));
      window.addEventListener("blur", () => sayo.viewerBlur(this));
      window.addEventListener("sayo:history", ({ detail }) => detail === this.history && sayo.fillTools(this));
      for (const field of options.fields) sayo.followField(field, this);
      window.addEventListener("sayo:sync", (event) => this.synced(event.detail));
    }

    // ---- what the server sends

    show(value) {
      const before = this.value;
      this.value = value;
      const fresh = value.id !== before.id;
      this.root.classList.toggle("is-empty", !value.pictures?.length);
      this.root.classList.toggle("is-streaming", value.status === "streaming");
      this.root.classList.toggle("has-answer", Boolean(value.tokens?.length));
      this.parts.empty.textContent = value.pictures?.length ? "" : value.hint || "";
      if (fresh) this.startAnswer(before);
      // Boxes that come with a finished answer and not with its first words.
      else if (value.status !== before.status && !this.options.editable) sayo.takeRegions(this, value.regions || []);
      if (value.status === "streaming" && before.status !== "streaming") this.bringIntoView();
      if (fresh || value.status !== before.status) this.takeViews();
      sayo.fillPictures(this, before);
      sayo.fillTokens(this, fresh ? {} : before);
      sayo.fillMethods(this);
      this.draw();
      if (fresh || value.status !== before.status) {
        this.measure();
        sayo.askDraft(this);
      }
    }

    startAnswer(before) {
      this.stop();
      const samePicture = before.pictures?.[0] && before.pictures[0].id === this.value.pictures?.[0]?.id;
      if (!samePicture) {
        sayo.keepLast(this, before);
        this.picture = 0;
      }
      Object.assign(this, { spot: null, heads: null, numbers: null, waiting: null, wanted: null });
      this.selection = { kind: "answer", index: 0 };
      sayo.beginRegions(this, before, samePicture);
      this.zoom.fit();
    }

    takeViews() {
      this.views = {};
      this.layouts = (this.value.pictures || []).map((it) => (it.grid ? new sayo.Layout(it) : null));
      for (const [name, data] of Object.entries(this.value.views || {})) this.views[name] = new sayo.View(data, this.nImages);
      if (!this.views[this.view]) this.view = this.options.methods[0].name;
    }

    bringIntoView() {
      const { top } = this.root.getBoundingClientRect();
      if (top < 0 || top > 0.6 * innerHeight) this.root.scrollIntoView({ block: "start" });
    }

    showNumbers(numbers) {
      if (!numbers || numbers.id !== this.value.id || numbers.revision !== this.revision) return;
      this.numbers = numbers;
      this.sync({ numbers });
      sayo.fillNumbers(this);
      sayo.colourTokens(this);
    }

    showMaps(reply) {
      if (!reply || reply.id !== this.value.id) return;
      this.waiting = null;
      if (reply.data) this.views[reply.view] = new sayo.View(reply.data, this.nImages);
      else if (this.wanted === reply.view) this.wanted = null;
      const next = this.wanted;
      if (next && next !== reply.view) return this.choose(next);
      if (next) {
        this.wanted = null;
        this.setView(next);
      } else sayo.fillMethods(this);
    }

    askHeads() {
      sayo.askHeads(this);
    }

    showHeads(heads) {
      if (!heads || heads.id !== this.value.id || heads.revision !== this.headsAsked) return;
      this.heads = heads;
      sayo.fillHeads(this);
    }

    // ---- what the person does

    edited(committed) {
      if (committed) {
        this.others[this.picture] = this.editor.regions;
        this.measure();
        this.sync({ regions: this.allRegions() });
        this.autosave();
      }
      sayo.fillTools(this);
      sayo.fillRegions(this);
      sayo.fillNumbers(this);
    }

    autosave() {
      sayo.autosave(this);
    }

    /* Ask for the figures of the boxes in the view that is shown. */
    measure() {
      this.numbers = null;
      this.revision = ++revisions;
      const { id } = this.value;
      const regions = this.editor.regions;
      if (this.options.editable) sayo.groups[this.options.group] = { id, regions: this.allRegions() };
      if (!this.rows || !this.views[this.view]) return;
      if (this.value.measured) return (this.numbers = this.value.measured[this.view]); // saved with a page
      this.trigger("regions", { id, revision: this.revision, view: this.view, picture: this.picture, regions });
    }

    allRegions() {
      return Object.entries(this.others || {}).flatMap(([picture, regions]) =>
        regions.map((region) => (Number(picture) ? { ...region, picture: Number(picture) } : region)),
      );
    }

    state() {
      const { value, view, selection, strength, picture } = this;
      return { id: value.id || "", regions: this.editor.regions, all: this.allRegions(), view, selection, strength, picture };
    }

    /* Show a view; the server is asked for its maps where they are not here yet, one at a time. */
    choose(name) {
      if (this.reason(name)) return;
      if (this.views[name]) {
        this.wanted = null;
        return this.setView(name);
      }
      this.wanted = name;
      sayo.fillMethods(this);
      if (this.waiting) return;
      this.waiting = name;
      const method = this.options.methods.find((it) => it.name === name);
      const needsModel = method ? method.needs === "model" : name.startsWith("head:");
      this.trigger(needsModel ? "model" : "view", { id: this.value.id, view: name });
    }

    setView(name) {
      this.view = name;
      sayo.fillMethods(this);
      sayo.drawSteps(this);
      this.draw();
      this.measure();
      if (this.spot) sayo.fillSpot(this);
      sayo.colourTokens(this);
      sayo.fillHeads(this);
    }

    reason(name) {
      return this.value.unavailable?.[name] || "";
    }

    select(kind, index, quiet = false) {
      const most = { answer: 1, step: this.steps.length, token: this.rows }[kind];
      if (!most) return;
      this.selection = { kind, index: Math.min(Math.max(index, 0), most - 1) };
      this.draw();
      if (!quiet) this.sync({ selection: this.selection });
    }

    stepToken(by) {
      const { kind, index } = this.selection;
      const from = kind === "token" ? index + by : kind === "step" ? this.steps[index].start : by > 0 ? 0 : this.rows - 1;
      this.select("token", from);
    }

    stepStep(by) {
      const { kind, index } = this.selection;
      const at = kind === "step" ? index : kind === "token" ? this.stepOf(index) : by > 0 ? -1 : this.steps.length;
      this.select("step", at + by);
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
      clearInterval(this.timer);
      this.timer = null;
      sayo.fillState(this);
    }

    /* Reverse look-up: which tokens looked at this spot of the picture? */
    look(x, y) {
      if (!this.rows) return;
      const layout = this.layouts[this.picture];
      const { width, height } = this.size;
      const cell = layout.at(Math.min(x, width - 1), Math.min(y, height - 1));
      const before = this.layouts.slice(0, this.picture).reduce((sum, it) => sum + it.count, 0);
      this.spot = { picture: this.picture, cell, column: before + cell };
      this.colour = "spot";
      sayo.fillSpot(this);
      sayo.colourTokens(this);
    }

    forget() {
      this.spot = null;
      if (this.colour === "spot") this.colour = "none";
      sayo.fillSpot(this);
      sayo.colourTokens(this);
    }

    showPicture(index) {
      this.others[this.picture] = this.editor.regions;
      sayo.keepLast(this, this.value);
      this.picture = index;
      this.editor.size = this.size;
      this.editor.reset(this.others[index] || []);
      this.zoom.fit();
      sayo.fillPictures(this, {});
      this.draw();
      this.measure();
    }

    set(name, on) {
      this.flags[name] = on;
      sayo.fillPictures(this, this.value);
      this.draw();
    }

    sync(change) {
      const detail = { source: this, group: this.options.group, id: this.value.id, ...change };
      window.dispatchEvent(new CustomEvent("sayo:sync", { detail }));
    }

    synced({ source, group, id, selection, regions, numbers }) {
      if (source === this || !group || group !== this.options.group || !this.root.isConnected) return;
      if (selection) this.select(selection.kind, selection.index, true);
      if (id !== this.value.id || !this.options.editable) return;
      if (regions) {
        sayo.takeRegions(this, regions);
        this.numbers = null;
        sayo.fillRegions(this);
        sayo.fillNumbers(this);
      }
      if (numbers && numbers.view === this.view && numbers.picture === this.picture) {
        this.numbers = numbers;
        sayo.fillNumbers(this);
      }
    }

    // ---- what there is

    get steps() {
      return this.value.steps || [];
    }

    get rows() {
      return this.value.status === "done" ? Math.max((this.value.tokens?.length || 0) - 1, 0) : 0;
    }

    /* Image tokens of all pictures together. */
    get nImages() {
      return this.layouts.reduce((sum, layout) => sum + (layout?.count || 0), 0);
    }

    get size() {
      const { width = 0, height = 0 } = this.value.pictures?.[this.picture] || {};
      return { width, height };
    }

    get pictureId() {
      return this.value.pictures?.[this.picture]?.id;
    }

    stepOf(token) {
      return this.steps.findIndex((step) => token >= step.start && token < step.stop);
    }

    /* The map that is to be seen now: of the selection, or of the newest token while the answer is written. */
    get values() {
      if (this.value.live) return sayo.liveBytes(this.value.live);
      return this.views[this.view]?.at(this.selection.kind, this.selection.index) || null;
    }

    // ---- drawing

    draw() {
      const values = this.layouts?.every(Boolean) ? this.values : null;
      const shown = values && this.flags.overlay;
      for (const canvas of this.parts.canvases || []) canvas.hidden = !shown;
      if (shown) sayo.paint(this.parts.canvases, this.layouts, values, this.strength);
      sayo.fillState(this);
      sayo.fillRegions(this);
      sayo.fillNumbers(this);
      sayo.markChart(this);
    }
  }
})();
