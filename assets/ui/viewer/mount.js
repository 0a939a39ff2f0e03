// @ts-check
/* A viewer in a component of Gradio's, or in a saved page. */

/** @import { DraftReply, HeadsReply, MapsReply, Mount, Numbers, Options, ProposalsReply, Value } from "../shared/types" */
/** @import { Question } from "./viewer.js" */
import { followStorage, showDraft } from "../drafts/autosave.js";
import { useColours } from "../maps/colours.js";
import { showProposals } from "../regions/pictures.js";
import { viewers } from "../shared/viewers.js";
import { Viewer } from "./viewer.js";

/**
 * @typedef {object} Props
 * @property {Value} [value] what to show; sent once an answer
 * @property {Numbers} [numbers] the server's figures for the boxes; sent after every change of them
 * @property {MapsReply} [maps] the maps of one more view, sent when it was asked for
 * @property {HeadsReply} [heads] figures of every layer and head, sent when they were asked for
 * @property {ProposalsReply} [proposals]
 * @property {DraftReply} [draft]
 */

/**
 * @param {Mount<Props>} mount
 * @param {Options} options
 * @param {Partial<Record<Question, string>>} events their names; none in a saved page
 */
export const mountViewer = ({ element, props, trigger, watch }, options, events) => {
  const root = /** @type {HTMLElement} */ (element.querySelector(".sv"));
  useColours(options.colours);
  followStorage();
  const viewer = new Viewer(root, options, (name, detail) => trigger(events[name] ?? name, detail));
  viewers[options.id] = viewer;
  const value = () => /** @type {Value} */ (props.value || {});
  watch("value", () => viewer.show(value()));
  watch("numbers", () => viewer.showNumbers(props.numbers));
  watch("maps", () => viewer.showMaps(props.maps));
  watch("proposals", () => showProposals(viewer, props.proposals));
  watch("draft", () => showDraft(viewer, props.draft));
  watch("heads", () => viewer.showHeads(props.heads));
  viewer.show(value());
};

/**
 * The boxes and what is shown, for a handler's js (read at the moment of the click).
 * @param {string} id
 */
export const regionsOf = (id) => JSON.stringify(viewers[id]?.state() || { id: "", regions: [] });
