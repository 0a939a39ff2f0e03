// @ts-check
/* The regions of a viewer's pictures: of which picture, shared with whom, undone how. */

/** @import { Picture, PlacedRegion, ProposalsReply, Region, Size, Value } from "../shared/types" */
/** @import { Viewer } from "../viewer/viewer.js" */
/** @import { Hooks } from "./editor.js" */
import { groups } from "../shared/viewers.js";
import { carried } from "./geometry.js";
import { fillRegions } from "./list.js";

/**
 * @param {Viewer} viewer
 * @returns {Hooks}
 */
export const editorHooks = (viewer) => ({
  changed: (committed) => viewer.edited(committed),
  spot: (x, y) => viewer.look(x, y),
  pan: (dx, dy) => viewer.zoom.pan(dx, dy),
  pushed(before, after) {
    const { picture } = viewer;
    viewer.history.push({ before, after, apply: (regions, on) => applied(on, picture, regions) });
  },
});

/**
 * @param {Viewer} viewer
 * @param {number} picture
 * @param {Region[]} regions
 */
const applied = (viewer, picture, regions) => {
  if (picture === viewer.picture) viewer.editor.replace(regions);
  else {
    viewer.byPicture[viewer.picture] = viewer.editor.regions;
    viewer.byPicture[picture] = regions;
    viewer.showPicture(picture);
  }
  viewer.edited(true);
};

/**
 * Which regions a new answer begins with, and whether the history goes on.
 * @param {Viewer} viewer
 * @param {Value} before
 * @param {boolean} samePicture
 */
export const beginRegions = (viewer, before, samePicture) => {
  const { value, options, history } = viewer;
  const shared = options.group && options.editable ? groups[options.group] : undefined;
  let regions = value.regions || [];
  let goesOn = false;
  if (shared && shared.id === value.id) regions = shared.regions;
  // Regions drawn before the question was asked stay; those of an earlier answer go with it.
  else if (!regions.length && samePicture && !before.tokens?.length)
    [regions, goesOn] = [viewer.allRegions(), true];
  if (value.id && history.id !== value.id) {
    if (goesOn) history.id = value.id;
    else history.begin(value.id);
  }
  if (!goesOn) viewer.editor.look = true; // what was chosen for another answer would be missed on this one
  takeRegions(viewer, regions);
};

/**
 * @param {Viewer} viewer
 * @param {PlacedRegion[]} regions of all pictures
 */
export const takeRegions = (viewer, regions) => {
  viewer.byPicture = {};
  for (const { picture = 0, ...region } of regions) {
    viewer.byPicture[picture] ??= [];
    viewer.byPicture[picture].push(region);
  }
  viewer.editor.size = viewer.size;
  viewer.editor.reset(viewer.byPicture[viewer.picture] || []);
};

/**
 * The peaks of the map that is shown, as suggestions; the server finds them.
 * @param {Viewer} viewer
 */
export const propose = (viewer) => {
  const { value, view, selection, picture, rows, options } = viewer;
  if (!rows || !options.editable) return false;
  // Numbered, since a reply that equals the one before would not be noticed.
  const revision = ++viewer.proposalsAsked;
  viewer.trigger("propose", { id: value.id, revision, view, selection, picture, regions: [] });
  return true;
};

/**
 * @param {Viewer} viewer
 * @param {ProposalsReply | undefined} reply
 */
export const showProposals = (viewer, reply) => {
  if (!reply || reply.id !== viewer.value.id || reply.revision !== viewer.proposalsAsked) return;
  if (reply.picture !== viewer.picture) return;
  viewer.editor.suggestions = reply.regions;
  viewer.editor.draw();
  fillRegions(viewer);
};

/** Those of the picture that was left last. @type {{ picture: string, size: Size, regions: Region[] } | null} */
let last = null;

/**
 * Remember the regions of the picture that is left, for `copyLast`.
 * @param {Viewer} viewer
 * @param {Picture | undefined} left
 */
export const keepLast = (viewer, left) => {
  const { regions } = viewer.editor;
  if (!left || !regions.length || !viewer.options.editable) return;
  last = { picture: left.id, size: { width: left.width, height: left.height }, regions };
};

/** @param {Viewer} viewer */
export const canCopyLast = (viewer) => last !== null && last.picture !== viewer.pictureId;

/**
 * The regions of the picture before, fitted to the size of this one; steps are those of another answer.
 * @param {Viewer} viewer
 */
export const copyLast = ({ editor, options }) => {
  if (!last || !editor.size.width || !options.editable) return false;
  const { size, regions } = last;
  const copies = regions.map((region) => carried(region, size, editor.size)).filter((it) => it !== null);
  if (copies.length) editor.add(...copies.map((region) => ({ ...region, step: null })));
  return true;
};
