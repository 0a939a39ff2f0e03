/* What is drawn and typed is kept as a draft with every edit, offered again later, and never written over unseen.
 * The browser keeps each edit at once (drafts/kept.js), the server a moment later; then the browser forgets it. */
(() => {
  const sayo = (window.sayo ??= {});
  const { el, kept } = sayo;
  const PAUSE_MS = 300;
  const AGAIN_MS = 4000; // with no reply by then, it is sent once more
  const states = {}; // of each answer, for all viewers that show it: {version, offer, copies, conflict, note}
  let asked = 0;

  const stateOf = (viewer) => (states[viewer.value.id] ??= { version: 0, offer: null, copies: [], conflict: "", note: "" });
  const active = (viewer) => Boolean(viewer.options.drafts && viewer.value.draft);
  const typed = (viewer, field) => sayo.field(viewer.options.drafts[field])?.value || "";
  const ask = (viewer, op, more) =>
    viewer.trigger("draft", { id: viewer.value.id, op, revision: ++asked, tab: kept.tab, browser: kept.browser, author: typed(viewer, "author"), ...more });

  sayo.askDraft = (viewer) => {
    fill(viewer);
    if (active(viewer)) ask(viewer, "load");
  };

  sayo.autosave = (viewer) => {
    if (!active(viewer)) return;
    const state = stateOf(viewer);
    const inBrowser = keep(copyOf(viewer), viewer.value.draft);
    clearTimeout(state.timer);
    if (state.conflict) return; // nothing is written until the person has chosen
    state.note = "Saving the draft …";
    state.lost = inBrowser ? "The server does not reply. This browser keeps what you draw." : "The server does not reply, and this browser has no room to keep what you draw.";
    state.key = viewer.value.draft.key;
    const { id } = viewer.value;
    const last = content(viewer);
    state.timer = setTimeout(() => {
      state.timer = null;
      if (viewer.value.id === id) send(viewer);
      else ask(viewer, "save", { id, version: state.version, content: last }); // something else is shown by now
    }, PAUSE_MS);
    fill(viewer);
  };

  /* While an earlier draft is still offered, it is kept beside the new edits. */
  const content = (viewer) => {
    const { offer } = stateOf(viewer);
    return { regions: viewer.allRegions(), answer: typed(viewer, "answer") || offer?.answer || "", earlier: offer?.regions || [] };
  };

  const copyOf = (viewer) => {
    const { key, name } = viewer.value.draft;
    const { regions, answer } = content(viewer);
    return { key, name, tab: kept.tab, author: typed(viewer, "author"), version: stateOf(viewer).version, regions, answer, at: new Date().toISOString() };
  };

  /* Nothing drawn needs no keeping, but for a correction that had regions. */
  const keep = (copy, { revises }) => {
    if (revises !== null || copy.regions.length || copy.answer) return kept.put(copy);
    forget(copy);
    return true;
  };

  const send = (viewer) => {
    const state = stateOf(viewer);
    const { id } = viewer.value;
    ask(viewer, "save", { version: state.version, content: content(viewer) });
    state.open = (state.open || 0) + 1;
    clearTimeout(state.again);
    state.again = setTimeout(() => {
      state.open = 0;
      state.note = state.lost;
      fill(viewer);
      if (viewer.root.isConnected && viewer.value.id === id) send(viewer);
    }, AGAIN_MS);
  };

  sayo.showDraft = (viewer, reply) => {
    if (!reply) return;
    if (reply.id !== viewer.value.id) return leftBehind(reply);
    const state = stateOf(viewer);
    if (reply.op !== "load") state.open = Math.max((state.open || 0) - 1, 0);
    if (!state.open) clearTimeout(state.again);
    if (reply.conflict) clearTimeout(state.timer);
    const there = reply.content && { regions: [...reply.content.regions, ...(reply.content.earlier || [])], answer: reply.content.answer, when: reply.when };
    if (reply.conflict) Object.assign(state, { conflict: reply.conflict, version: reply.version, offer: there, note: "" });
    else if (reply.off) state.note = reply.off;
    else if (reply.op === "load") found(viewer, state, reply.version, there);
    else {
      state.version = reply.version;
      // A reply to an earlier edit does not speak for one that is still on its way.
      if (!state.timer && !state.open) {
        state.note = "Draft saved";
        forget(...kept.of(viewer.value.draft.key).filter((it) => it.tab === kept.tab));
      }
    }
    fill(viewer);
  };

  /* The last edit of what is no longer shown has arrived: as a draft, or in the correction that it became. */
  const leftBehind = (reply) => {
    const state = states[reply.id];
    if (reply.op !== "save" || reply.conflict || reply.off || !state?.key || state.timer) return;
    clearTimeout(state.again);
    forget(...kept.of(state.key).filter((it) => it.tab === kept.tab));
  };

  /* What the server has, and what this browser kept: a copy that was made from the server's goes before it. */
  const found = (viewer, state, version, there) => {
    if (version) state.version = version;
    const { key, revises } = viewer.value.draft;
    const stored = (it) => (there && covers(there, it)) || (revises !== null && isHere(viewer, it));
    forget(...kept.of(key).filter(stored));
    state.copies = kept.of(key).filter((it) => !isHere(viewer, it));
    const newer = state.copies.some((it) => it.version === version && it.author === typed(viewer, "author"));
    state.offer = there && !newer && !isHere(viewer, there) ? there : null;
  };

  /* Where nothing is open, what this browser keeps is listed. Other tabs keep and forget copies too. */
  const fillIdle = () => {
    for (const viewer of Object.values(sayo.viewers)) if (viewer.options.drafts && !active(viewer)) fill(viewer);
  };
  window.addEventListener("storage", fillIdle);

  const forget = (...copies) => {
    copies.forEach(kept.drop);
    if (copies.length) fillIdle();
  };

  // ---- what is offered

  const mark = (region) => JSON.stringify(Object.entries(region).sort(([one], [other]) => (one < other ? -1 : 1)));
  const missing = (from, regions) => {
    const known = new Set(from.map(mark));
    return regions.filter((it) => !known.has(mark(it)));
  };
  const covers = (one, other) => !missing(one.regions, other.regions).length && one.regions.length === other.regions.length && (!other.answer || other.answer === one.answer);
  const isHere = (viewer, { regions, answer }) => {
    const here = { regions: viewer.allRegions(), answer: typed(viewer, "answer") };
    if (viewer.value.draft.revises !== null) return covers(here, { regions, answer }) && answer === here.answer;
    return !missing(here.regions, regions).length && (!answer || answer === here.answer);
  };

  /* Regions that are not there yet, as they were: an undo takes them away again. */
  const takeUp = (viewer, { regions, answer }, instead) => {
    const { editor } = viewer;
    const more = missing(editor.regions, regions);
    if (instead) editor.commit(regions, -1);
    else if (more.length) editor.add(...more);
    if (answer) sayo.setField(viewer.options.drafts.answer, answer);
  };

  /* A changed correction is what its draft says; elsewhere new regions may have been drawn beside the draft. */
  const settle = (viewer, choose) => {
    const state = stateOf(viewer);
    const { offer, conflict } = state;
    Object.assign(state, { offer: null, conflict: "" });
    if (choose) takeUp(viewer, offer, Boolean(conflict) || viewer.value.draft.revises !== null);
    sayo.autosave(viewer);
    settled(viewer);
  };

  const settleCopy = (viewer, copy, choose) => {
    const state = stateOf(viewer);
    state.copies = state.copies.filter((it) => it !== copy);
    forget(copy);
    if (choose) {
      takeUp(viewer, copy, viewer.value.draft.revises !== null);
      sayo.autosave(viewer);
    }
    settled(viewer);
  };

  const settled = (viewer) => {
    fill(viewer);
    viewer.root.focus({ preventScroll: true }); // the button that was pressed is gone, and keys are to go on
  };

  // ---- what is said

  const amount = ({ regions, answer }) => `${regions.length === 1 ? "1 region" : `${regions.length} regions`}${answer ? " and an answer" : ""}`;
  const moment = (at) => `${String(at).slice(0, 16).replace("T", " ")} UTC`;
  const choice = (testid, text, run) => sayo.testId(sayo.button("sv-tool sv-small", text, "", run), testid);

  const fill = (viewer) => {
    const root = viewer.parts.draft;
    root.replaceChildren();
    if (!viewer.options.drafts) return;
    if (!active(viewer)) return fillWaiting(viewer, root);
    const { note, offer, copies, conflict } = stateOf(viewer);
    if (conflict) {
      root.append(el("p", "sv-note is-warning", conflict), choice("draft-keep", "Keep what is here", () => settle(viewer, false)));
      if (offer) root.append(choice("draft-take", "Take what is there", () => settle(viewer, true)));
    } else if (offer) {
      const what = viewer.value.draft.revises === null ? "this picture and question" : "this correction";
      root.append(el("p", "sv-note", `There is a draft on ${what}, last changed ${offer.when}: ${amount(offer)}.`));
      root.append(choice("draft-take", "Go on with it", () => settle(viewer, true)), choice("draft-keep", "Start afresh", () => settle(viewer, false)));
    }
    for (const copy of copies) {
      const by = copy.author && copy.author !== typed(viewer, "author") ? ` by ${copy.author}` : "";
      root.append(el("p", "sv-note", `This browser kept what the server did not get${by}, last changed ${moment(copy.at)}: ${amount(copy)}.`));
      root.append(choice("kept-take", "Go on with that", () => settleCopy(viewer, copy, true)), choice("kept-drop", "Drop it", () => settleCopy(viewer, copy, false)));
    }
    if (note) root.append(sayo.testId(el("span", "sv-note", note), "draft-note"));
  };

  /* Before there is an answer: which questions this browser still keeps something for. */
  const fillWaiting = (viewer, root) => {
    if (!["empty", "picture"].includes(viewer.value.status)) return;
    for (const copy of kept.all()) {
      const line = `The server did not get ${amount(copy)} on “${copy.name}”, last changed ${moment(copy.at)}. Open it again and you can go on.`;
      root.append(sayo.testId(el("p", "sv-note is-warning", line), "kept-waiting"), choice("kept-drop", "Drop it", () => forget(copy)));
    }
  };
})();
