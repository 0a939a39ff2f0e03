// @ts-check
/* What changes by itself on the page (runs, the model): the server is asked for its mark, and answers once it is
 * another one than that of what is shown. A tab that is hidden asks nothing. A browser holds six connections to a
 * server, of all its tabs: one that only waits is given up as soon as somebody does something.
 */

/** @import { Mount } from "./types" */

const PAUSE_MS = 5000;
// So long what is shown may take to follow a mark; then the server is asked again.
const PATIENCE_MS = 15000;
const ROOM_MS = 2000;
const ROOM = "room";

/**
 * @typedef {object} World
 * @property {(path: string, signal: AbortSignal) => Promise<string>} fetchMark
 * @property {() => boolean} hidden
 * @property {(act: () => void) => void} onVisibility
 * @property {(act: () => void) => void} onAction
 * @property {(ms: number) => Promise<void>} rest
 */

/** @type {World} */
const PAGE = {
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
  rest: (ms) => new Promise((done) => setTimeout(done, ms)),
};

let refresh = () => {};

/** Refresh what is shown now. */
export const beat = () => refresh();

/**
 * @param {Pick<Mount<{ value?: string }>, "props" | "trigger" | "watch">} mount its value: the mark of what is shown
 * @param {string} event triggered with each new mark; what is shown then comes with that mark
 * @param {World} world
 */
export const mountPulse = ({ props, trigger, watch }, event, world = PAGE) => {
  const shown = () => props.value || "";
  let asking = false;
  let request = new AbortController();
  let waits = false;
  let come = () => {};
  watch("value", () => come());
  refresh = () => trigger(event, { mark: shown() });

  const follow = (/** @type {string} */ mark) => {
    const there = new Promise((/** @type {(value: void) => void} */ done) => {
      come = done;
    });
    trigger(event, { mark });
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
        const mark = await world.fetchMark(`pulse?seen=${shown()}`, signal);
        if (mark !== shown()) await follow(mark);
      } catch {
        // Signed out, or the server starts anew: in the end it answers, or the tab is closed.
        if (!signal.aborted) await world.rest(PAUSE_MS);
        else if (signal.reason === ROOM) await world.rest(ROOM_MS);
      }
    }
    asking = false;
  };
  world.onAction(() => waits && request.abort(ROOM));
  world.onVisibility(() => (world.hidden() ? request.abort() : void listen()));
  void listen();
};
