// @ts-check
/* The one entry of the bundle, and all that the page's Python may name: everything else stays inside.
 *
 * mountViewer, mountCards, mountKeys   a component's js_on_load
 * mountPulse                           the same: tells when something changed by itself
 * beat                                 a handler's js: as if something had
 * regionsOf, showOpened                a handler's js
 * viewers                              by elem_id, to look into from the browser's console and from tests
 */

import { beat, mountPulse } from "./shared/pulse.js";
import { viewers } from "./shared/viewers.js";
import { mountViewer, regionsOf } from "./viewer/mount.js";
import { mountCards } from "./worklist/cards.js";
import { mountKeys, showOpened } from "./worklist/keys.js";

Object.assign(window, {
  sayo: { beat, mountViewer, mountCards, mountKeys, mountPulse, regionsOf, showOpened, viewers },
});
