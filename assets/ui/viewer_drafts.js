/* What is drawn and typed is kept as a draft with every edit, offered again later, and never written over unseen. */
(() => {
  const sayo = (window.sayo ??= {});
  const { el } = sayo;
  const PAUSE_MS = 300;
  const AGAIN_MS = 4000; // with no reply by then, it is sent once more
  const tab = Math.random().toString(36).slice(2);
  const states = {}; // of each answer, for all viewers that show it: {version, offer, conflict, note}

  const stateOf = (viewer) => (states[viewer.value.id] ??= { version: 0, offer: null, conflict: "", note: "" });
  const ANSWER = "correct-answer";
  const author = () => sayo.field("correct-author")?.value || "";
  const content = (viewer) => ({ regions: viewer.allRegions(), answer: sayo.field(ANSWER)?.value || "" });
  const active = (viewer) => viewer.options.drafts && viewer.value.status === "done" && viewer.value.pictures.length === 1;
  const ask = (viewer, op, more) => viewer.trigger("draft", { id: viewer.value.id, op, tab, author: author(), ...more });

  sayo.askDraft = (viewer) => active(viewer) && ask(viewer, "load");

  sayo.autosave = (viewer) => {
    if (!active(viewer)) return;
    const state = stateOf(viewer);
    clearTimeout(state.timer);
    if (state.conflict) return; // nothing is written until the person has chosen
    state.note = "Saving the draft …";
    state.timer = setTimeout(() => {
      state.timer = null;
      send(viewer);
    }, PAUSE_MS);
    fill(viewer);
  };

  /* While an earlier draft is still offered, it is kept beside the new edits. */
  const send = (viewer) => {
    const state = stateOf(viewer);
    const { regions, answer } = content(viewer);
    const earlier = state.offer?.regions || [];
    ask(viewer, "save", { version: state.version, content: { regions, answer: answer || state.offer?.answer || "", earlier } });
    state.open = (state.open || 0) + 1;
    clearTimeout(state.again);
    state.again = setTimeout(() => {
      state.open = 0;
      if (viewer.root.isConnected) send(viewer);
    }, AGAIN_MS);
  };

  sayo.showDraft = (viewer, reply) => {
    if (!reply || reply.id !== viewer.value.id) return;
    const state = stateOf(viewer);
    if (reply.op !== "load") state.open = Math.max((state.open || 0) - 1, 0);
    if (!state.open) clearTimeout(state.again);
    if (reply.conflict) clearTimeout(state.timer);
    const there = reply.content && { regions: [...reply.content.regions, ...(reply.content.earlier || [])], answer: reply.content.answer, when: reply.when };
    if (reply.conflict) Object.assign(state, { conflict: reply.conflict, version: reply.version, offer: there, note: "" });
    else if (reply.op === "load") {
      if (reply.version) state.version = reply.version;
      if (there && (there.regions.length || there.answer)) state.offer = there;
    } else {
      // A reply to an earlier edit does not speak for one that is still on its way.
      const saved = !state.timer && !state.open ? "Draft saved" : state.note;
      Object.assign(state, { version: reply.version, note: reply.off || saved });
    }
    fill(viewer);
  };

  /* Regions that are not there yet, as they were: an undo takes them away again. */
  const takeUp = (viewer, { regions, answer }, instead) => {
    const { editor } = viewer;
    const known = new Set(editor.regions.map((it) => JSON.stringify(it)));
    const more = regions.filter((it) => !known.has(JSON.stringify(it)));
    if (instead) editor.commit(regions, -1);
    else if (more.length) editor.add(...more);
    if (answer) sayo.setField(ANSWER, answer);
  };

  const settle = (viewer, choose) => {
    const state = stateOf(viewer);
    const { offer, conflict } = state;
    Object.assign(state, { offer: null, conflict: "" });
    if (choose) takeUp(viewer, offer, Boolean(conflict));
    sayo.autosave(viewer);
    fill(viewer);
  };

  const fill = (viewer) => {
    const { note, offer, conflict } = stateOf(viewer);
    const root = viewer.parts.draft;
    root.replaceChildren();
    const choice = (testid, text, choose) => sayo.testId(sayo.button("sv-tool sv-small", text, "", () => settle(viewer, choose)), testid);
    if (conflict) {
      root.append(el("p", "sv-note is-warning", conflict), choice("draft-keep", "Keep what is here", false));
      if (offer) root.append(choice("draft-take", "Take what is there", true));
    } else if (offer) {
      const count = offer.regions.length === 1 ? "1 region" : `${offer.regions.length} regions`;
      root.append(el("p", "sv-note", `There is a draft on this picture and question, last changed ${offer.when}: ${count}${offer.answer ? " and an answer" : ""}.`));
      root.append(choice("draft-take", "Go on with it", true), choice("draft-keep", "Start afresh", false));
    }
    if (note) root.append(sayo.testId(el("span", "sv-note", note), "draft-note"));
  };
})();
