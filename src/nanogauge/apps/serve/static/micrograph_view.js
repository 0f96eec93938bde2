// The picture of one micrograph with its outlines: looking, selecting, mending. Vue component of nanogauge.apps.serve.

import { drawnOnly, workbench, figures, FLAG_WORDS, QUANTITIES, STATUS_COLOURS, RAMP } from "nanogauge-page/workbench.js";
import { Camera, Tiles } from "nanogauge-page/tiles.js";
import { drawMarked } from "nanogauge-page/painter.js";
import { OutlineLayer } from "nanogauge-page/outline_layer.js";
import { drawBar, drawBarFound, drawBrush, drawRegion, drawStroke, drawThree } from "nanogauge-page/overlays.js";
import { Gestures } from "nanogauge-page/gestures.js";
import { pointer } from "nanogauge-page/pointer.js";
import { keys } from "nanogauge-page/keys.js";
import { review } from "nanogauge-page/review.js";
import { looking } from "nanogauge-page/looking.js";
import { TEMPLATE } from "nanogauge-page/template.js";
import { nodes } from "nanogauge-page/nodes.js";
import { threePoints } from "nanogauge-page/three_points.js";
import { outlines, rememberedLook } from "nanogauge-page/outlines.js";
import { dropping } from "nanogauge-page/dropping.js";
import { HAND } from "nanogauge-page/unsent.js";
import { ARRANGED, arrangement } from "nanogauge-page/arrangement.js";
import { readout } from "nanogauge-page/readout.js";
import { ACTIONS, SHAPES, TOOLS } from "nanogauge-page/tools.js";

const CARD_PX = 262; // the widest card of a particle, with a margin

export default {
  props: { name: String, classes: { type: Array, default: () => [] } },
  emits: ["bar", "check", "classes", "dropped", "flip", "hand", "help", "refused", "step", "tool"],
  template: TEMPLATE,
  data() {
    return {
      quantities: QUANTITIES, tools: TOOLS, actions: ACTIONS, colours: STATUS_COLOURS, tool: "select", by: "status", shown: true, light: false,
      arranged: ARRANGED, lie: {}, shapes: SHAPES, brightness: 100, contrast: 100, gamma: 1, inverted: false, brush: 8, profile: null, pixel: "", loaded: false, failed: "", selected: 0, canUndo: false, canRedo: false, undoText: "",
      redoText: "", card: null, title: "", told: "", rampEnds: ["", ""], review: null, asking: null,
      nUnsure: 0, trying: false, over: false, kinds: [], unsent: 0, lining: false, look: rememberedLook(), histogram: null, low: 0, high: 255,
    };
  },
  computed: {
    filter() {
      const parts = [];
      if (this.low > 0 || this.high < 255) parts.push("url(#ng-levels)");
      if (this.gamma !== 1) parts.push("url(#ng-gamma)");
      if (this.inverted) parts.push("invert(1)");
      if (this.brightness !== 100 || this.contrast !== 100) parts.push(`brightness(${this.brightness}%) contrast(${this.contrast}%)`);
      return parts.join(" ") || "none";
    },
    levels() {
      const slope = 255 / Math.max(this.high - this.low, 1);
      return { slope, intercept: (-this.low / 255) * slope };
    },
    hint() {
      return TOOLS[this.tool].hint;
    },
    cursor() {
      return this.tool === "select" ? "default" : ["brush", "erase"].includes(this.tool) ? "none" : "crosshair";
    },
    ramp() {
      return `linear-gradient(90deg, ${RAMP.join(",")})`;
    },
  },
  mounted() {
    this.bench = workbench(this.name);
    this.camera = new Camera();
    this.tiles = new Tiles(this.bench, () => this.dirty("picture"));
    this.bench.classes = this.classes;
    this.layer = new OutlineLayer(this.$refs.lines);
    this.need = {}; // what has to be drawn: picture, top, zoom, and lines: true, "moved", or the boxes that changed
    this.frames = 0;
    this.ends = null;
    this.barLabel = "";
    this.stroke = null;
    this.at = null;
    this.gestures = new Gestures(this.$refs.stage, this.pointer());
    this.observer = new ResizeObserver(() => this.resize());
    this.observer.observe(this.$refs.stage);
    this.off = [
      this.listenToDrops(),
      this.bench.on("particles", (boxes) => this.particlesChanged(boxes)),
      this.bench.on("selection", () => { this.selected = this.bench.selection.size; this.asking = this.reviewCard(); this.dirty("top"); }),
      this.bench.on("hover", () => this.dirty("top")),
      this.bench.on("state", () => this.stateChanged()),
      this.bench.on("refused", (text) => this.$emit("refused", text)),
      this.bench.on("unsent", (n) => { this.unsent = n; }),
      this.bench.on("said", (text) => this.tell(text)),
      this.bench.on("show", (label) => this.reveal(label)),
    ];
    this.keys = (e) => this.globalKey(e);
    window.addEventListener("keydown", this.keys);
    window.nanogaugeView = this; // for tests and benchmarks
    this.$emit("hand", HAND);
    this.bench.ready.then(() => {
      this.failed = this.bench.failed || "";
      if (!this.bench.state) return;
      this.loaded = true;
      this.title = this.bench.state.title;
      this.dirty("lines");
      this.stateChanged();
      this.fit();
    });
  },
  watch: {
    classes() { this.bench.classes = this.classes; this.redraw(); },
    review() { this.asking = this.reviewCard(); },
  },
  unmounted() {
    this.observer?.disconnect();
    for (const off of this.off || []) off();
    window.removeEventListener("keydown", this.keys);
  },
  methods: {
    // --- from the panel beside (Python) ---
    follow(revision) { this.bench.follow(revision); },
    setTool(id) {
      if (!TOOLS[id]) return;
      if (this.tool !== id) this.stroke = null;
      const before = this.tool;
      this.tool = id;
      if (id !== "line") this.profile = null;
      if (id === "scale" && !this.ends) this.ends = this.barFound();
      if (id !== before) this.$emit("tool", id);
      if (id === "scale") this.tellBar();
      this.dirty("top");
    },
    // B, as tried with other settings, in place of A
    async compare(on) {
      this.trial = null;
      this.trying = false;
      if (on) {
        const answer = await fetch(`${this.bench.url}/trial`).catch(() => null);
        if (answer?.ok) {
          const c = await answer.json();
          this.trial = drawnOnly(c);
          this.trying = true;
        }
      }
      this.dirty("lines", "top");
    },
    resetLight() { this.brightness = this.contrast = 100; this.gamma = 1; this.inverted = false; [this.low, this.high] = [0, 255]; },
    setBarLabel(text) { this.barLabel = text || ""; this.dirty("top"); },
    setEnds(ends) { this.ends = ends || this.barFound(); this.tellBar(); this.dirty("top"); },
    setUnit(unit) { this.bench.setUnit(unit); },
    clearTool() { this.setTool("select"); },
    tell(text) {
      this.told = text;
      clearTimeout(this.telling);
      this.telling = setTimeout(() => { this.told = ""; }, 2600);
    },

    stateChanged() {
      const s = this.bench.state;
      if (!s) return;
      this.canUndo = s.can_undo;
      this.canRedo = s.can_redo;
      this.undoText = s.undo_text ? `: ${s.undo_text}` : "";
      this.redoText = s.redo_text ? `: ${s.redo_text}` : "";
      this.selected = this.bench.selection.size;
      this.nUnsure = this.unsure().length;
      this.asking = this.reviewCard();
      this.legend();
      if (this.look.found && this.foundAt !== s.revision) this.readFound();
      this.dirty("top", "zoom");
    },
    particlesChanged(boxes) {
      const before = this.need.lines;
      this.dirty("lines", "top");
      if (boxes && !this.trial && (!before || Array.isArray(before))) this.need.lines = [...(before || []), ...boxes];
    },
    legend() {
      if (this.by === "class") this.kinds = this.bench.kindsOfClass();
      else if (ARRANGED[this.by]) {
        this.readArranged();
        this.lie = this.arrangedLegend();
      }
      else if (this.by === "confidence") this.rampEnds = ["≤ 0.5", "1"];
      else if (this.by !== "status") {
        const length = QUANTITIES[this.by].length;
        this.rampEnds = this.bench.rankEnds(this.by).map((v) => (length ? this.bench.length(v, 3) : figures(v, 3)));
      }
    },
    barFound() {
      const bar = this.bench.state.scale_bar, chosen = this.bench.state.scale_choice;
      if (chosen?.source === "traced") return chosen.ends.map((e) => [...e]);
      if (bar?.box_y0_x0_y1_x1) {
        const [y0, x0, y1, x1] = bar.box_y0_x0_y1_x1;
        const y = (y0 + y1 - 1) / 2;
        const middle = (x0 + x1 - 1) / 2, half = (bar.length_px || x1 - x0) / 2;
        return [[y, middle - half], [y, middle + half]];
      }
      const [h, w] = this.bench.state.shape;
      return [[h * 0.94, w * 0.7], [h * 0.94, w * 0.9]];
    },
    tellBar() {
      const [[y0, x0], [y1, x1]] = this.ends;
      this.$emit("bar", { ends: this.ends, length_px: Math.hypot(y1 - y0, x1 - x0) });
    },

    // --- drawing ---
    resize() {
      const r = this.$refs.stage.getBoundingClientRect();
      const ratio = Math.min(window.devicePixelRatio || 1, 2);
      const before = [this.width, this.height];
      this.width = Math.max(r.width, 1);
      this.height = Math.max(r.height, 1);
      this.ratio = ratio;
      for (const name of ["picture", "top"]) {
        this.$refs[name].width = Math.round(this.width * ratio);
        this.$refs[name].height = Math.round(this.height * ratio);
      }
      this.layer.resize(this.width, this.height, ratio);
      if (this.loaded && before[0] > 1) {
        if (this.fitted) this.fit();
        else {
          this.camera.x += (before[0] - this.width) / 2 / this.camera.zoom;
          this.camera.y += (before[1] - this.height) / 2 / this.camera.zoom;
        }
      }
      this.dirty("picture", "lines", "top");
    },
    dirty(...which) {
      for (const w of which) this.need[w] = true;
      if (!this.asked) {
        this.asked = true;
        requestAnimationFrame(() => this.draw());
      }
    },
    redraw() { this.legend(); this.dirty("lines", "top"); },
    draw() {
      this.asked = false;
      if (!this.loaded || !this.width) return;
      this.frames++;
      const need = this.need;
      this.need = {};
      const clear = (name) => {
        const c = this.$refs[name].getContext("2d");
        c.setTransform(this.ratio, 0, 0, this.ratio, 0, 0);
        c.clearRect(0, 0, this.width, this.height);
        return c;
      };
      if (need.picture) this.tiles.draw(clear("picture"), this.camera, this.width, this.height);
      if (need.lines) this.drawLines(need.lines);
      if (need.zoom) this.showZoom();
      if (need.top) {
        const c = clear("top");
        drawRegion(c, this.bench, this.camera, this.width, this.height);
        if (!this.trial) drawMarked(c, this.bench, this.camera, this.width, this.height);
        this.drawTool(c);
        this.updateCard();
      }
    },
    drawLines(need) {
      const { layer, camera } = this;
      const done = need === "moved" ? layer.follow(camera, this.moving) : Array.isArray(need) && layer.mend(need);
      if (done) return;
      const bench = this.trial || (this.shown ? this.bench : null);
      layer.draw(camera, { bench, by: this.by, look: this.look, found: bench && this.foundRings }, !!this.moving);
    },
    drawTool(c) {
      const bar = this.bench.state.scale_bar, brushes = this.tool === "brush" || this.tool === "erase";
      if (this.tool === "scale" && this.ends) drawBar(c, this.ends, this.barLabel, this.camera);
      else if (bar?.box_y0_x0_y1_x1) drawBarFound(c, bar, this.camera);
      if (this.profile && this.tool === "line") drawStroke(c, { kind: "line", points: this.profile.ends }, this.camera, {});
      if (this.tool === "vertices") this.drawNodes(c);
      if (this.stroke?.three) drawThree(c, this.stroke.points, this.at && this.camera.toImage(...this.at), (points) => this.ringSoFar(points), this.camera);
      else if (this.stroke?.points.length) drawStroke(c, this.stroke, this.camera, { at: this.at, brush: this.brush });
      if (this.at && brushes) drawBrush(c, this.at, this.brush * this.camera.zoom, this.tool === "erase");
    },
    updateCard() {
      const p = this.bench.particles.get(this.bench.hover);
      if (!p || !this.at || this.stroke) {
        this.card = null;
        return;
      }
      const [x, y] = this.at;
      const words = p.flags.map((f) => FLAG_WORDS[f] || f).join(", ");
      const lines = [
        `Feret ${this.bench.length(p.feret_min, 3)} to ${this.bench.length(p.feret_max, 3)}`,
        `circularity ${figures(p.circularity, 3)}` + (p.confidence == null ? "" : `, confidence ${p.confidence.toFixed(2)}`),
      ];
      if (p.class) lines.push(`class ${p.class}`);
      if (ARRANGED[this.by]) lines.push(...this.arrangedLines(p));
      if (words) lines.push(words);
      const up = y > this.height - 120;
      this.card = {
        head: `#${p.label}   ${this.bench.length(p.d)}`, lines,
        style: { left: `${Math.max(6, Math.min(x + 18, this.width - CARD_PX))}px`,
          top: up ? "auto" : `${y + 14}px`, bottom: up ? `${this.height - y + 12}px` : "auto" },
      };
    },

    // --- edits ---
    async act(name, how = {}) {
      const labels = [...this.bench.selection], asked = this.askedAbout();
      if (name === "undo" || name === "redo") {
        const done = await this.bench.edit(name);
        if (done && name === "undo" && this.review) this.stepReview(this.review.at > 0 ? -1 : 0);
        return done;
      }
      if (!labels.length) return this.$emit("refused", "select particles first: click them");
      const done = await this.bench.edit(name, { labels, ...how });
      if (done && asked && this.review && ["delete", "accept", "leave_out"].includes(name)) this.stepReview(1);
      return done;
    },
    ...review, ...readout, ...looking, ...pointer, ...keys, ...nodes, ...threePoints, ...outlines, ...arrangement, ...dropping,
  },
};
