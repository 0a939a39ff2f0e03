/* The viewer: a picture with an attention overlay, its answer as tokens and steps, and boxes.
 *
 * props.value:   what to show (see sayo_app/ui/viewer.py for its fields); sent once an answer.
 * props.numbers: the server's figures for the boxes; sent after every change of them.
 * options:       {id, editable, group, chart, methods, waiting}. Viewers of one group step together; those
 *                that show the same answer share its boxes too.
 * Stepping, blending and drawing never ask the server.
 */
(() => {
  const sayo = (window.sayo ??= {});
  const el = sayo.el;
  sayo.groups ??= {};
  sayo.viewers ??= {};
  const PLAY_MS = 350;

  sayo.viewer = ({ element, props, trigger, watch }, options) => {
    const viewer = new Viewer(element.querySelector(".sv"), options, trigger);
    sayo.viewers[options.id] = viewer;
    watch("value", () => viewer.show(props.value || {}));
    watch("numbers", () => viewer.showNumbers(props.numbers));
    viewer.show(props.value || {});
  };

  /* The boxes and the selection of a viewer, for a handler's js (read at the moment of the click). */
  sayo.regionsOf = (id) => {
    const viewer = sayo.viewers[id];
    return JSON.stringify({ id: viewer?.value.id || "", regions: viewer?.editor.regions || [] });
  };

  class Viewer {
    constructor(root, options, trigger) {
      Object.assign(this, { root, options, trigger, value: {}, maps: {}, revision: 0 });
      this.method = "centred";
      this.strength = 0.75;
      this.selection = { kind: "answer", index: 0 };
      this.flags = { overlay: true, truth: false, draw: !matchMedia("(pointer: coarse)").matches };
      this.parts = sayo.viewerParts(this);
      root.dataset.viewer = options.id;
      root.replaceChildren(...this.parts.tops);
      this.editor = new sayo.RegionEditor(this.parts.layer, (committed) => this.edited(committed));
      this.editor.enabled = options.editable && this.flags.draw;
      root.addEventListener("keydown", (event) => sayo.viewerKey(this, event));
      window.addEventListener("sayo:sync", (event) => this.synced(event.detail));
    }

    // ---- what the server sends

    show(value) {
      const before = this.value;
      this.value = value;
      const picture = value.picture;
      this.root.classList.toggle("is-empty", !picture);
      this.root.classList.toggle("is-streaming", value.status === "streaming");
      this.parts.empty.textContent = picture ? "" : value.hint || "";
      if (picture && picture.src !== before.picture?.src) this.parts.image.src = picture.src;
      if (picture) this.parts.stage.style.setProperty("--ratio", picture.width / picture.height);
      this.editor.size = { width: picture?.width || 0, height: picture?.height || 0 };
      if (value.id !== before.id) this.startAnswer(before);
      if (value.status === "streaming" && before.status !== "streaming") this.bringIntoView();
      this.maps = {};
      for (const [name, maps] of Object.entries(value.maps || {})) this.maps[name] = new sayo.Maps(maps);
      sayo.fillTokens(this);
      this.drawTruth();
      this.draw();
    }

    startAnswer(before) {
      this.stop();
      this.selection = { kind: "answer", index: 0 };
      const shared = sayo.groups[this.options.group];
      const samePicture = before.picture && before.picture.id === this.value.picture?.id;
      let regions = this.value.regions || [];
      if (this.options.group && shared?.id === this.value.id && this.options.editable) regions = shared.regions;
      // Boxes drawn before the question was asked stay; boxes of an earlier answer go with it.
      else if (!regions.length && samePicture && !before.tokens?.length) regions = this.editor.regions;
      this.editor.reset(regions);
      this.numbers = this.value.numbers || null;
      this.revision += 1;
      if (regions.length && this.options.editable) this.tell();
    }

    bringIntoView() {
      const { top } = this.root.getBoundingClientRect();
      if (top < 0 || top > 0.6 * innerHeight) this.root.scrollIntoView({ block: "start" });
    }

    showNumbers(numbers) {
      if (!numbers || numbers.id !== this.value.id || numbers.revision !== this.revision) return;
      this.numbers = numbers;
      sayo.fillNumbers(this);
    }

    // ---- what the person does

    edited(committed) {
      if (committed) {
        this.revision += 1;
        this.numbers = null;
        this.tell();
        this.sync({ regions: this.editor.regions });
      }
      sayo.fillRegions(this);
      sayo.fillNumbers(this);
    }

    tell() {
      const { id } = this.value;
      sayo.groups[this.options.group] = { id, regions: this.editor.regions };
      this.trigger("regions", { id, revision: this.revision, regions: this.editor.regions });
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

    set(name, on) {
      this.flags[name] = on;
      this.editor.enabled = this.options.editable && this.flags.draw;
      this.parts.layer.classList.toggle("is-drawing", this.editor.enabled);
      this.editor.draw();
      this.drawTruth();
      this.draw();
    }

    sync(change) {
      const detail = { source: this, group: this.options.group, id: this.value.id, ...change };
      window.dispatchEvent(new CustomEvent("sayo:sync", { detail }));
    }

    synced({ source, group, id, selection, regions }) {
      if (source === this || group !== this.options.group || !this.root.isConnected) return;
      if (selection) this.select(selection.kind, selection.index, true);
      if (regions && id === this.value.id && this.options.editable) {
        this.editor.reset(regions);
        this.revision += 1;
        this.numbers = null;
        this.tell();
        sayo.fillRegions(this);
      }
    }

    // ---- what there is

    get steps() {
      return this.value.steps || [];
    }

    get rows() {
      return this.maps[this.method]?.count("token") || 0;
    }

    stepOf(token) {
      return this.steps.findIndex((step) => token >= step.start && token < step.stop);
    }

    // ---- drawing

    draw() {
      const maps = this.maps[this.method];
      const values = maps?.at(this.selection.kind, this.selection.index);
      const canvas = this.parts.canvas;
      canvas.hidden = !values || !this.flags.overlay;
      if (values) sayo.paint(canvas, values, maps.width, maps.height, this.strength);
      sayo.fillState(this);
      sayo.fillRegions(this);
      sayo.fillNumbers(this);
      sayo.markChart(this);
    }

    drawTruth() {
      const { truth = [], picture } = this.value;
      const shown = this.flags.truth && picture;
      this.parts.truth.replaceChildren(
        ...(shown ? truth.map((it) => sayo.boxNode(it.box_xyxy, this.editor.size, "sv-true", it.label)) : []),
      );
    }
  }
})();
