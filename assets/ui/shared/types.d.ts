/* What the server and the page tell one another. Sizes and coordinates are whole pixels of the original picture;
   see sayo_app/ui/viewer/values.py for the fields of a viewer's value. */

export type Point = [x: number, y: number];
export type Box = [x0: number, y0: number, x1: number, y1: number];
export interface Size {
  width: number;
  height: number;
}

/** COCO's run lengths: read column by column, unset pixels first. */
export interface Rle {
  size: [height: number, width: number];
  counts: number[];
}

interface RegionFields {
  box_xyxy: Box;
  /** The corners of a polygon; none otherwise. */
  points_xy: Point[];
  label: string;
  /** The step that it holds for; null for the whole answer. */
  step: number | null;
  /** Should the model look here (true), or not? */
  look: boolean;
}
export interface Boxed extends RegionFields {
  kind: "box";
}
export interface Outlined extends RegionFields {
  kind: "polygon";
}
export interface Painted extends RegionFields {
  kind: "brush";
  rle: Rle;
}
export type Region = Boxed | Outlined | Painted;
/** With its picture's number where that is not 0. */
export type PlacedRegion = Region & { picture?: number };

export interface Grid {
  grid_hw?: [rows: number, columns: number];
  cells_xyxy?: Box[];
}
export interface Picture extends Size {
  id: string;
  /** A data URL; it may be smaller than the original. */
  src: string;
  /** Once an answer has begun. */
  grid?: Grid;
}
export interface Step {
  start: number;
  stop: number;
  text: string;
  kind: string;
}

export type Kind = "token" | "step" | "answer";
export interface Selection {
  kind: Kind;
  index: number;
}

/** Map i of n image tokens is bytes[i * n ...] / 255 * peaks[i]; bytes are base64. */
export interface PackedMaps {
  bytes: string;
  peaks: number[];
}
export type ViewData = Record<Kind, PackedMaps> & { scope: string };

type Figures = Record<string, (number | null)[]>;
/** Image tokens that count as the regions', and what part of each cell they cover. */
export interface Cells {
  told: number[];
  covered: Record<string, number>;
}
/** How well the attention agrees with the regions. */
export interface Numbers extends Record<Kind, Figures> {
  id?: string;
  revision?: number;
  view?: string;
  picture?: number;
  notes?: string[];
  cells?: { answer: Cells; step: Cells[] };
}

export interface Value {
  id: string;
  status: "empty" | "picture" | "streaming" | "done";
  hint?: string;
  pictures?: Picture[];
  truth?: { label: string; box_xyxy: Box }[];
  tokens?: string[];
  steps?: Step[];
  live?: string | null;
  views?: Record<string, ViewData>;
  unavailable?: Record<string, string>;
  layers?: number[];
  sinks?: number[][] | null;
  top?: number[];
  image_share?: number[];
  entropies?: number[];
  regions?: PlacedRegion[];
  draft?: { key: string; name: string; revises: number | null } | null;
  measured?: Record<string, Numbers>;
}

export interface Method {
  name: string;
  label: string;
  description: string;
  formula: string;
  needs: string;
}
export interface Metric {
  name: string;
  label: string;
  meaning: string;
  unit: "share" | "flag" | "number";
}
export type DraftField = "answer" | "author";
export interface Options {
  id: string;
  editable: boolean;
  inspect: boolean;
  narrow: boolean;
  group: string | null;
  chart: string | null;
  fields: string[];
  drafts: Record<DraftField, string> | null;
  methods: Method[];
  metrics: Metric[];
  waiting: string;
  colours: string;
}

export interface MapsReply {
  id: string;
  view: string;
  data?: ViewData;
  reason?: string;
}
export interface ProposalsReply {
  id: string;
  revision: number;
  picture: number;
  regions: Region[];
}
export interface HeadsReply {
  id: string;
  revision: number;
  what: string;
  layers: number[];
  /** By figure: a line a layer, a value a head. */
  figures: Record<string, number[][] | null>;
}
export interface DraftContent {
  regions: PlacedRegion[];
  answer: string;
  earlier?: PlacedRegion[];
}
export interface DraftReply {
  id: string;
  op: "load" | "save";
  version: number;
  content?: DraftContent | null;
  when?: string;
  conflict?: string;
  off?: string;
}

export interface CardItem {
  id: number | string;
  src: string;
  title?: string;
  lines?: string[];
  badge?: { kind: string; text: string } | null;
}

/** What Gradio gives a component's script. */
export interface Mount<Props> {
  element: HTMLElement;
  props: Props;
  trigger: (event: string, detail?: object) => void;
  watch: (prop: string, run: () => void) => void;
}
