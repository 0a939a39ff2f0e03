/* Undo and redo across everything that a person changes on an answer: regions and text fields alike.
 *
 * sayo.history(key) is that of a viewer or of a group of viewers; it lives as long as their answer. Whatever
 * else can be changed takes part by push({ before, after, apply }), where apply(state, viewer) brings a state back.
 */
(() => {
  const sayo = (window.sayo ??= {});
  const all = {};

  class History {
    constructor() {
      this.begin("");
    }

    begin(id) {
      Object.assign(this, { id, past: [], future: [] });
      this.told();
    }

    push(entry) {
      this.past.push(entry);
      this.future = [];
      this.told();
    }

    undo(viewer) {
      this.travel(this.past, this.future, "before", viewer);
    }

    redo(viewer) {
      this.travel(this.future, this.past, "after", viewer);
    }

    travel(from, to, which, viewer) {
      const entry = from.pop();
      if (!entry) return;
      to.push(entry);
      entry.apply(entry[which], viewer);
      this.told();
    }

    told() {
      window.dispatchEvent(new CustomEvent("sayo:history", { detail: this }));
    }
  }

  sayo.history = (key) => (all[key] ??= new History());

  /* What a text field of the page holds; Gradio sets a field up when its tab is opened, and may do so again. */
  sayo.field = (elemId) => document.querySelector(`#${elemId} textarea, #${elemId} input`);
  sayo.setField = (elemId, text) => {
    const node = sayo.field(elemId);
    if (!node || node.value === text) return;
    node.value = text;
    node.dispatchEvent(new Event("input", { bubbles: true }));
  };

  /* Let a text field take part: one entry a word, and Ctrl+Z in the field undoes like everywhere else. */
  sayo.followField = (elemId, viewer) => {
    const { history } = viewer;
    let applying = false;
    let before = "";
    const isField = (node) => node === sayo.field(elemId);
    const apply = (text) => {
      applying = true;
      sayo.setField(elemId, text);
      applying = false;
      before = text;
      viewer.autosave();
    };
    document.addEventListener("focusin", ({ target }) => isField(target) && (before = target.value));
    document.addEventListener("input", ({ target }) => {
      if (applying || !isField(target) || target.value === before) return;
      const last = history.past.at(-1);
      const newWord = /\S$/.test(before) && /\s$/.test(target.value);
      const goesOn = last?.field === elemId && last.after === before && !newWord;
      if (goesOn) Object.assign(last, { after: target.value });
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
        sayo.travel(viewer, event);
      },
      true,
    );
  };

  /* Ctrl+Z undoes; Ctrl+Shift+Z and Ctrl+Y redo. */
  sayo.travel = (viewer, event) => {
    const redo = event.shiftKey || event.key.toLowerCase() === "y";
    if (redo) viewer.history.redo(viewer);
    else viewer.history.undo(viewer);
  };
})();
