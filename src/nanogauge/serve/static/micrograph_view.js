// The picture of one micrograph with its outlines: looking, selecting, mending. Vue component of nanogauge.serve.

import { workbench, figures, FLAG_WORDS, STATUS_COLOURS, RAMP } from "nanogauge-page/workbench.js";
import { Camera, Tiles, drawBar, drawMarked, drawOutlines, drawRegion } from "nanogauge-page/painter.js";
import { Gestures } from "nanogauge-page/gestures.js";
import { ACTIONS, Stroke, TOOLS, particleAt, simplified } from "nanogauge-page/tools.js";

const SETTLED_MS = 140;
const LARGEST_ZOOM = 40;
const MARGIN = 0.25; // of the window, on each side, in which outlines are drawn beforehand
const QUICK_MS = 6; // outlines drawn faster than this are drawn at every frame

export default {
  props: { name: String },
  emits: ["bar", "help", "refused", "step", "tool"],
  template: `
    <div class="ng-view">
      <div class="ng-tools" role="toolbar" aria-label="Tools" aria-orientation="vertical">
        <button v-for="(t, id) in tools" :key="id" type="button" :class="{ on: tool === id }" :aria-pressed="tool === id"
          :aria-label="t.title" :data-tool="id" @click="setTool(id)">
          <i class="material-icons" aria-hidden="true">{{ t.icon }}</i>
          <span class="ng-tip">{{ t.title }} <kbd>{{ t.key.toUpperCase() }}</kbd></span>
        </button>
        <hr>
        <button v-for="a in actions" :key="a.name" type="button" :disabled="!selected" :aria-label="a.title" :data-action="a.name"
          @click="act(a.name)">
          <i class="material-icons" aria-hidden="true">{{ a.icon }}</i>
          <span class="ng-tip">{{ a.title }} <kbd>{{ a.key.toUpperCase() }}</kbd></span>
        </button>
        <hr>
        <button type="button" :disabled="!canUndo" aria-label="Undo" data-action="undo" @click="act('undo')">
          <i class="material-icons" aria-hidden="true">undo</i><span class="ng-tip">Undo{{ undoText }} <kbd>Ctrl Z</kbd></span>
        </button>
        <button type="button" :disabled="!canRedo" aria-label="Redo" data-action="redo" @click="act('redo')">
          <i class="material-icons" aria-hidden="true">redo</i><span class="ng-tip">Redo{{ redoText }} <kbd>Ctrl Y</kbd></span>
        </button>
      </div>
      <div class="ng-stage" ref="stage" tabindex="0" role="application" :aria-label="'Micrograph ' + title + ', ' + hint"
        :style="{ cursor }" @keydown="key" @keyup="keyUp">
        <canvas ref="picture" class="ng-canvas" :style="{ filter }"></canvas>
        <canvas ref="lines" class="ng-canvas ng-lines"></canvas>
        <canvas ref="top" class="ng-canvas"></canvas>
        <div v-if="failed" class="ng-failed" role="alert"><i class="material-icons">error_outline</i><p>{{ failed }}</p></div>
        <div v-else-if="!loaded" class="ng-failed"><p>Opening …</p></div>
        <div class="ng-hint" v-if="loaded && tool !== 'select'"><b>{{ tools[tool].title }}.</b> {{ tools[tool].hint }}
          <button type="button" @click="setTool('select')" aria-label="Put the tool away">Esc</button></div>
        <div class="ng-card" v-if="card" :style="card.style"><b>{{ card.head }}</b><span v-for="line in card.lines">{{ line }}</span></div>
        <div class="ng-toast" v-if="told" role="status">{{ told }}</div>
        <div class="ng-ruler" v-if="ruler" :title="'Length on the specimen at this zoom'"><i :style="{ width: ruler.px + 'px' }"></i><span>{{ ruler.text }}</span></div>
        <div class="ng-look" v-if="loaded">
          <label class="ng-select"><span>Colour by</span>
            <select v-model="by" @change="redraw" aria-label="Colour outlines by">
              <option value="status">status</option><option value="size">size</option><option value="confidence">confidence</option>
            </select></label>
          <span class="ng-legend" v-if="by === 'status'">
            <i :style="{ background: colours.counted }"></i>counted <i :style="{ background: colours.unsure }"></i>unsure
            <i class="dash" :style="{ borderColor: colours.left_out }"></i>left out</span>
          <span class="ng-legend" v-else><span>{{ rampEnds[0] }}</span><i class="ramp" :style="{ background: ramp }"></i><span>{{ rampEnds[1] }}</span></span>
          <label class="ng-slider" v-if="tool === 'brush' || tool === 'erase'"><span>Brush</span>
            <input type="range" min="1" max="120" step="0.5" v-model.number="brush" @input="redraw" aria-label="Brush radius"><span>{{ brush }} px</span></label>
        </div>
        <div class="ng-zoom" v-if="loaded">
          <button type="button" :class="{ on: light }" aria-label="Brightness and contrast" title="Brightness and contrast" @click="light = !light"><i class="material-icons">contrast</i></button>
          <button type="button" :class="{ on: !shown }" aria-label="Hide or show the outlines" title="Hide or show the outlines (H)" @click="toggleOutlines"><i class="material-icons">{{ shown ? 'visibility' : 'visibility_off' }}</i></button>
          <button type="button" aria-label="Zoom out" title="Zoom out (−)" @click="zoomBy(1 / 1.4)"><i class="material-icons">remove</i></button>
          <span class="ng-percent">{{ percent }}</span>
          <button type="button" aria-label="Zoom in" title="Zoom in (+)" @click="zoomBy(1.4)"><i class="material-icons">add</i></button>
          <button type="button" aria-label="Show all" title="Show all (0)" @click="fit"><i class="material-icons">fit_screen</i></button>
        </div>
        <div class="ng-light" v-if="light">
          <label>Brightness <input type="range" min="40" max="260" v-model.number="brightness" aria-label="Brightness"></label>
          <label>Contrast <input type="range" min="40" max="300" v-model.number="contrast" aria-label="Contrast"></label>
          <button type="button" @click="brightness = contrast = 100">Reset</button><small>Only what you see; nothing is measured anew.</small>
        </div>
      </div>
    </div>`,
  data() {
    return {
      tools: TOOLS, actions: ACTIONS, colours: STATUS_COLOURS, tool: "select", by: "status", shown: true, light: false,
      brightness: 100, contrast: 100, brush: 8, loaded: false, failed: "", selected: 0, canUndo: false, canRedo: false, undoText: "",
      redoText: "", card: null, ruler: null, percent: "", title: "", told: "", rampEnds: ["", ""],
    };
  },
  computed: {
    filter() {
      return this.brightness === 100 && this.contrast === 100 ? "none" : `brightness(${this.brightness}%) contrast(${this.contrast}%)`;
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
    this.need = {};
    this.frames = 0;
    this.ends = null;
    this.barLabel = "";
    this.stroke = null;
    this.at = null;
    this.gestures = new Gestures(this.$refs.stage, this.hands());
    this.observer = new ResizeObserver(() => this.resize());
    this.observer.observe(this.$refs.stage);
    this.off = [
      this.bench.on("particles", () => this.dirty("lines", "top")),
      this.bench.on("selection", () => { this.selected = this.bench.selection.size; this.dirty("top"); }),
      this.bench.on("hover", () => this.dirty("top")),
      this.bench.on("state", () => this.stateChanged()),
      this.bench.on("refused", (text) => this.$emit("refused", text)),
      this.bench.on("said", (text) => this.tell(text)),
      this.bench.on("show", (label) => this.reveal(label)),
    ];
    this.keys = (e) => this.globalKey(e);
    window.addEventListener("keydown", this.keys);
    window.nanogaugeView = this; // for tests and benchmarks
    this.bench.ready.then(() => {
      this.failed = this.bench.failed || "";
      if (!this.bench.state) return;
      this.loaded = true;
      this.title = this.bench.state.title;
      this.stateChanged();
      this.fit();
    });
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
      if (id === "scale" && !this.ends) this.ends = this.barFound();
      if (id !== before) this.$emit("tool", id);
      if (id === "scale") this.tellBar();
      this.dirty("top");
    },
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
      this.legend();
      if (this.width) this.measureRuler();
      this.dirty("lines", "top");
    },
    legend() {
      if (this.by === "confidence") this.rampEnds = ["0.5", "1"];
      else {
        const any = this.bench.particles.values().next().value;
        if (any) this.bench.rank(any);
        this.rampEnds = (this.bench.ranked || [null, null]).map((v) => this.bench.length(v, 3));
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
      for (const name of ["picture", "lines", "top"]) {
        const c = this.$refs[name], k = name === "lines" ? 1 + 2 * MARGIN : 1;
        c.width = Math.round(this.width * ratio * k);
        c.height = Math.round(this.height * ratio * k);
      }
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
      if (need.lines) this.drawLines(need.lines === "moved");
      if (need.top) {
        const c = clear("top");
        drawRegion(c, this.bench, this.camera, this.width, this.height);
        drawMarked(c, this.bench, this.camera, this.width, this.height);
        this.drawTool(c);
        this.updateCard();
      }
    },
    // Outlines are drawn once, a margin round the window with them; while the picture moves, that drawing is moved and scaled,
    // which costs next to nothing, and drawn anew at rest, or where drawing is quick anyway.
    drawLines(onlyMoved) {
      const canvas = this.$refs.lines, camera = this.camera, drawn = this.drawnFor;
      if (onlyMoved && this.moving && drawn && this.linesCost > QUICK_MS) {
        const k = camera.zoom / drawn.zoom;
        const left = -MARGIN * this.width, top = -MARGIN * this.height;
        const x = (drawn.x - camera.x) * camera.zoom, y = (drawn.y - camera.y) * camera.zoom;
        const bare = x > 2 || y > 2 || x + canvas.clientWidth * k < this.width - 2 || y + canvas.clientHeight * k < this.height - 2;
        const stale = performance.now() - this.drawnAt > Math.max(8 * this.linesCost, 250);
        if (!stale || !(bare || k > 2 || k < 0.5)) {
          canvas.style.transform = `matrix(${k}, 0, 0, ${k}, ${x - left}, ${y - top})`;
          return;
        }
      }
      const began = performance.now();
      const wide = this.width * (1 + 2 * MARGIN), high = this.height * (1 + 2 * MARGIN);
      const around = new Camera();
      Object.assign(around, { zoom: camera.zoom, x: camera.x - (MARGIN * this.width) / camera.zoom, y: camera.y - (MARGIN * this.height) / camera.zoom });
      const c = canvas.getContext("2d");
      c.setTransform(this.ratio, 0, 0, this.ratio, 0, 0);
      c.clearRect(0, 0, wide, high);
      canvas.style.transform = "none";
      if (this.shown) drawOutlines(c, this.bench, around, wide, high, { by: this.by, moving: this.moving });
      this.drawnFor = around;
      this.drawnAt = performance.now();
      this.linesCost = this.drawnAt - began;
    },
    drawTool(c) {
      const s = this.bench.state, bar = s.scale_bar;
      if (this.tool === "scale" && this.ends) drawBar(c, this.ends, this.barLabel, this.camera);
      else if (bar?.box_y0_x0_y1_x1) {
        const [y0, x0, y1, x1] = bar.box_y0_x0_y1_x1;
        const [a, b] = this.camera.toScreen(x0 - 0.5, y0 - 0.5), [d, e] = this.camera.toScreen(x1 - 0.5, y1 - 0.5);
        c.strokeStyle = "#56b4e9";
        c.lineWidth = 1.5;
        c.setLineDash(bar.refused ? [4, 3] : []);
        c.strokeRect(a - 3, b - 3, d - a + 6, e - b + 6);
        c.setLineDash([]);
      }
      const stroke = this.stroke;
      if (stroke?.points.length) {
        const pts = stroke.points.map(([y, x]) => this.camera.toScreen(x, y));
        if (stroke.kind === "box" || stroke.kind === "rectangle") {
          const [a, b] = [pts[0], pts[pts.length - 1]];
          c.strokeStyle = "#f0e442";
          c.lineWidth = 1.5;
          c.setLineDash([6, 4]);
          c.strokeRect(a[0], a[1], b[0] - a[0], b[1] - a[1]);
          c.setLineDash([]);
        } else {
          const brush = stroke.kind === "brush" || stroke.kind === "erase";
          c.lineJoin = c.lineCap = "round";
          c.strokeStyle = stroke.kind === "erase" ? "rgba(255,122,69,.5)" : brush ? "rgba(31,209,160,.5)" : "rgba(0,0,0,.6)";
          c.lineWidth = brush ? Math.max(2 * this.brush * this.camera.zoom, 1) : 4.5;
          const path = new Path2D();
          pts.forEach(([x, y], i) => (i ? path.lineTo(x, y) : path.moveTo(x, y)));
          if (pts.length === 1) path.lineTo(pts[0][0] + 0.01, pts[0][1]);
          if (stroke.open && this.at) path.lineTo(this.at[0], this.at[1]);
          if (stroke.kind === "redraw") path.lineTo(pts[0][0], pts[0][1]);
          c.stroke(path);
          if (!brush) {
            c.strokeStyle = stroke.kind === "split" ? "#ff7a45" : "#f0e442";
            c.lineWidth = 2;
            c.stroke(path);
          }
          if (stroke.open) for (const [x, y] of pts) {
            c.fillStyle = "#f0e442";
            c.beginPath();
            c.arc(x, y, 3, 0, 7);
            c.fill();
          }
        }
      }
      if (this.at && (this.tool === "brush" || this.tool === "erase")) {
        c.beginPath();
        c.arc(this.at[0], this.at[1], Math.max(this.brush * this.camera.zoom, 1.5), 0, 7);
        c.strokeStyle = "rgba(0,0,0,.7)";
        c.lineWidth = 3;
        c.stroke();
        c.strokeStyle = this.tool === "erase" ? "#ff7a45" : "#ffffff";
        c.lineWidth = 1.4;
        c.stroke();
      }
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
      if (words) lines.push(words);
      const left = x > this.width - 240, up = y > this.height - 120;
      this.card = {
        head: `#${p.label}   ${this.bench.length(p.d)}`, lines,
        style: { left: left ? "auto" : `${x + 18}px`, right: left ? `${this.width - x + 14}px` : "auto",
          top: up ? "auto" : `${y + 14}px`, bottom: up ? `${this.height - y + 12}px` : "auto" },
      };
    },

    // --- looking ---
    cameraMoved() {
      const [h, w] = this.bench.state.shape;
      const c = this.camera, slackX = (this.width / c.zoom) * 0.6, slackY = (this.height / c.zoom) * 0.6;
      c.x = Math.max(-slackX, Math.min(w - this.width / c.zoom + slackX, c.x));
      c.y = Math.max(-slackY, Math.min(h - this.height / c.zoom + slackY, c.y));
      this.percent = `${c.zoom >= 0.095 ? Math.round(c.zoom * 100) : (c.zoom * 100).toFixed(1)} %`;
      this.moving = true;
      clearTimeout(this.settle);
      this.settle = setTimeout(() => { this.moving = false; this.dirty("lines", "top"); }, SETTLED_MS);
      this.measureRuler();
      if (!this.need.lines) this.need.lines = "moved";
      this.dirty("picture", "top");
    },
    measureRuler() {
      const s = this.bench.state;
      const most = (140 / this.camera.zoom) * (s.nm_per_px ? s.nm_per_px[1] : 1);
      const decade = 10 ** Math.floor(Math.log10(most));
      const nice = [5, 2, 1].find((k) => k * decade <= most) * decade;
      const wide = nice / (s.nm_per_px ? s.nm_per_px[1] : 1);
      let [unit, value] = [s.unit, nice];
      if (s.nm_per_px) for (const [u, k] of Object.entries(s.units)) if (nice * k >= 0.999) [unit, value] = [u, nice * k];
      this.ruler = { px: wide * this.camera.zoom, text: `${+value.toPrecision(3)} ${unit}` };
    },
    leastZoom() {
      const [h, w] = this.bench.state.shape;
      return Math.min(this.width / w, this.height / h, 1) * 0.5;
    },
    fit() {
      const [h, w] = this.bench.state.shape;
      const below = 46; // what lies under the controls at the bottom is no place for a scale bar
      const zoom = Math.min((this.width - 12) / w, (this.height - 8 - below) / h, 8);
      Object.assign(this.camera, { zoom, x: w / 2 - this.width / zoom / 2, y: h / 2 - (this.height - below) / zoom / 2 });
      this.cameraMoved();
      this.fitted = true;
    },
    zoomBy(factor) { this.zoomAt(this.width / 2, this.height / 2, factor); },
    zoomAt(sx, sy, factor) {
      const c = this.camera;
      const zoom = Math.max(this.leastZoom(), Math.min(LARGEST_ZOOM, c.zoom * factor));
      c.x += sx / c.zoom - sx / zoom;
      c.y += sy / c.zoom - sy / zoom;
      c.zoom = zoom;
      this.fitted = false;
      this.cameraMoved();
    },
    pan(dx, dy) {
      this.camera.x -= dx / this.camera.zoom;
      this.camera.y -= dy / this.camera.zoom;
      this.fitted = false;
      this.cameraMoved();
    },
    reveal(label) {
      const p = this.bench.particles.get(label);
      if (!p) return;
      const c = this.camera;
      const want = Math.min(Math.max(c.zoom, 70 / Math.max(p.d_px, 1)), 12);
      const [sx, sy] = c.toScreen(p.x, p.y);
      const hidden = sx < 40 || sy < 40 || sx > this.width - 40 || sy > this.height - 40;
      if (!hidden && want <= c.zoom * 1.6) return;
      c.zoom = want;
      c.x = p.x + 0.5 - this.width / want / 2;
      c.y = p.y + 0.5 - this.height / want / 2;
      this.fitted = false;
      this.cameraMoved();
    },
    toggleOutlines() { this.shown = !this.shown; this.dirty("lines"); },

    // --- hands ---
    hands() {
      const self = this;
      const image = (x, y) => self.camera.toImage(x, y);
      return {
        pan: (dx, dy) => self.pan(dx, dy),
        zoomAt: (x, y, f) => self.zoomAt(x, y, f),
        leave: () => { self.at = null; self.bench.setHover(0); self.dirty("top"); },
        move: (x, y) => {
          self.at = [x, y];
          if (!self.loaded) return;
          const p = self.shown ? particleAt(self.bench, ...image(x, y), 3 / self.camera.zoom) : null;
          self.bench.setHover(p ? p.label : 0);
          self.dirty("top");
        },
        press: (x, y, e) => {
          if (!self.loaded) return false;
          self.at = [x, y];
          const [ix, iy] = image(x, y);
          const t = self.tool;
          if (t === "select") {
            if (!e.shiftKey) return false;
            self.stroke = new Stroke("box");
          } else if (t === "scale") {
            const near = self.ends.map(([ey, ex]) => { const [sx, sy] = self.camera.toScreen(ex, ey); return Math.hypot(sx - x, sy - y); });
            const least = Math.min(...near);
            if (least > 22) return false;
            self.grabbed = near.indexOf(least);
            return true;
          } else if (t === "click") return false;
          else if (t === "polygon" || t === "exclude") {
            if (!self.stroke?.open) self.stroke = Object.assign(new Stroke(t), { open: true });
            self.stroke.was = self.stroke.points.length;
          } else {
            self.stroke = new Stroke(t);
            const p = particleAt(self.bench, ix, iy, 0);
            self.stroke.target = p ? p.label : 0;
          }
          self.stroke.add(ix, iy, 0);
          self.dirty("top");
          return true;
        },
        drag: (x, y, e) => {
          self.at = [x, y];
          const [ix, iy] = image(x, y);
          if (self.grabbed != null) {
            let [ny, nx] = [iy, ix];
            const other = self.ends[1 - self.grabbed];
            const level = Math.abs(ny - other[0]) * self.camera.zoom < 8 && !e.altKey;
            if (level) ny = other[0]; // bars lie level as a rule; Alt lets go
            self.ends[self.grabbed] = [ny, nx];
            self.tellBar();
          } else if (self.stroke) self.stroke.add(ix, iy, ["brush", "erase"].includes(self.stroke.kind) ? 0.2 * self.brush : 1.2 / self.camera.zoom);
          self.dirty("top");
        },
        release: (x, y, tapped, e) => self.released(x, y, tapped, e),
        abandon: () => { self.stroke = null; self.grabbed = null; self.dirty("top"); },
        tap: (x, y, e) => {
          const [ix, iy] = image(x, y);
          if (self.tool === "click") {
            self.bench.edit("click", { points: [[iy, ix]] });
            return;
          }
          const p = particleAt(self.bench, ix, iy, 3 / self.camera.zoom);
          if (p) self.bench.select([p.label], e.shiftKey || e.ctrlKey || e.metaKey ? { toggle: true } : {});
          else self.bench.select([]);
        },
        doubleTap: (x, y) => { if (self.tool === "select") self.zoomAt(x, y, 2); },
      };
    },
    async released(x, y, tapped, e) {
      if (this.grabbed != null) {
        this.grabbed = null;
        this.dirty("top");
        return;
      }
      const s = this.stroke;
      if (!s) return;
      const [ix, iy] = this.camera.toImage(x, y);
      if (s.kind === "polygon" || s.kind === "exclude") {
        const drawn = s.points.length - s.was > 8; // drawn in one go, not clicked
        const [fx, fy] = this.camera.toScreen(s.points[0][1], s.points[0][0]);
        const closes = s.points.length > 3 && tapped && Math.hypot(fx - x, fy - y) < 9;
        const now = performance.now();
        const twice = tapped && now - (this.lastPoint || 0) < 320 && s.points.length > 3;
        this.lastPoint = now;
        if (drawn || closes || twice) this.closePolygon();
        this.dirty("top");
        return;
      }
      this.stroke = null;
      const tolerance = 0.7 / this.camera.zoom;
      if (s.kind === "box") {
        const [a, b] = [s.points[0], [iy, ix]];
        if (tapped) {
          const p = particleAt(this.bench, ix, iy, 3 / this.camera.zoom);
          if (p) this.bench.select([p.label], { toggle: true });
        } else {
          const within = [...this.bench.particles.values()].filter((p) =>
            p.y >= Math.min(a[0], b[0]) && p.y <= Math.max(a[0], b[0]) && p.x >= Math.min(a[1], b[1]) && p.x <= Math.max(a[1], b[1]));
          this.bench.select(within.map((p) => p.label), { add: true });
        }
      } else if (s.kind === "rectangle") {
        if (!tapped) {
          const [h, w] = this.bench.state.shape;
          const [a, b] = [s.points[0], [iy, ix]];
          const box = [Math.max(0, Math.round(Math.min(a[0], b[0]))), Math.max(0, Math.round(Math.min(a[1], b[1]))),
            Math.min(h, Math.round(Math.max(a[0], b[0])) + 1), Math.min(w, Math.round(Math.max(a[1], b[1])) + 1)];
          if (await this.bench.edit("region", { ...this.bench.state.region, rectangle: box })) this.setTool("select");
        }
      } else if (s.kind === "split") {
        if (!tapped) await this.bench.edit("split", { points: simplified(s.points, tolerance) });
      } else if (s.kind === "redraw") {
        const label = this.bench.selection.size === 1 ? [...this.bench.selection][0] : this.under(s);
        if (tapped || s.points.length < 6) this.$emit("refused", "draw the whole outline round the particle in one go");
        else if (!label) this.$emit("refused", "select the particle to redraw first: click it");
        else await this.bench.edit("redraw", { labels: [label], points: simplified(s.points, tolerance) });
      } else if (s.kind === "brush") {
        await this.bench.edit("brush", { points: s.points, radius_px: this.brush, labels: s.target ? [s.target] : [] });
      } else if (s.kind === "erase") {
        await this.bench.edit("erase", { points: s.points, radius_px: this.brush, labels: s.target ? [s.target] : [] });
      }
      this.dirty("top");
    },
    under(stroke) {
      const ys = stroke.points.map((p) => p[0]), xs = stroke.points.map((p) => p[1]);
      const p = particleAt(this.bench, (Math.min(...xs) + Math.max(...xs)) / 2, (Math.min(...ys) + Math.max(...ys)) / 2, 0);
      return p ? p.label : 0;
    },
    async closePolygon() {
      const s = this.stroke;
      this.stroke = null;
      this.dirty("top");
      if (!s || s.points.length < 3) return;
      const points = simplified([...s.points, s.points[0]], 0.7 / this.camera.zoom).slice(0, -1);
      if (s.kind === "polygon") await this.bench.edit("polygon", { points });
      else {
        const region = this.bench.state.region;
        await this.bench.edit("region", { ...region, excluded: [...region.excluded, points] });
      }
    },
    act(name) {
      const labels = [...this.bench.selection];
      if (name === "undo" || name === "redo") return this.bench.edit(name);
      if (!labels.length) return this.$emit("refused", "select particles first: click them");
      return this.bench.edit(name, { labels });
    },
    typing(e) {
      const t = e.target;
      return t instanceof HTMLElement && (t.isContentEditable || ["INPUT", "TEXTAREA", "SELECT"].includes(t.tagName)) && t.type !== "range";
    },
    key(e) {
      if (e.key === " " && e.target === this.$refs.stage) {
        this.gestures.space = true;
        e.preventDefault();
      }
      const far = e.shiftKey ? 240 : 60;
      const moves = { ArrowLeft: [far, 0], ArrowRight: [-far, 0], ArrowUp: [0, far], ArrowDown: [0, -far] };
      if (moves[e.key] && e.target === this.$refs.stage) {
        this.pan(...moves[e.key]);
        e.preventDefault();
      }
    },
    keyUp(e) { if (e.key === " ") this.gestures.space = false; },
    globalKey(e) {
      if (!this.loaded || this.typing(e) || document.querySelector(".q-dialog")) return;
      const k = e.key.length === 1 ? e.key.toLowerCase() : e.key;
      const stop = () => e.preventDefault();
      if (e.ctrlKey || e.metaKey) {
        if (k === "z") { stop(); this.act(e.shiftKey ? "redo" : "undo"); }
        else if (k === "y") { stop(); this.act("redo"); }
        else if (k === "a") { stop(); this.bench.select([...this.bench.particles.keys()]); }
        return;
      }
      if (e.altKey) return;
      if (k === "Escape") { this.stroke = null; if (this.tool !== "select") this.setTool("select"); else this.bench.select([]); this.dirty("top"); return; }
      if (k === "Enter" && this.stroke?.open) { stop(); this.closePolygon(); return; }
      if (k === "Backspace" && this.stroke?.open) { stop(); this.stroke.points.pop(); this.dirty("top"); return; }
      if (k === "Delete" || k === "Backspace") { stop(); if (this.selected) this.act("delete"); return; }
      if (k === "?") { this.$emit("help"); return; }
      if (k === "[" || k === "]") { this.brush = Math.max(1, Math.min(120, Math.round(this.brush * (k === "]" ? 1.25 : 0.8) * 2) / 2)); this.dirty("top"); return; }
      if (k === "+" || k === "=") return this.zoomBy(1.4);
      if (k === "-") return this.zoomBy(1 / 1.4);
      if (k === "0") return this.fit();
      if (k === "1") return this.zoomAt(this.width / 2, this.height / 2, 1 / this.camera.zoom);
      if (k === "h") return this.toggleOutlines();
      if (k === "PageDown" || k === "PageUp") { stop(); this.$emit("step", k === "PageDown" ? 1 : -1); return; }
      if (k === "u") return this.nextUnsure();
      const action = ACTIONS.find((a) => a.key === k);
      if (action) return this.act(action.name);
      for (const [id, t] of Object.entries(TOOLS)) if (t.key === k) { stop(); this.setTool(id); return; }
    },
    // the least certain particle that nobody has looked at, then the next
    nextUnsure() {
      const unsure = [...this.bench.particles.values()].filter((p) => p.flags.includes("low_confidence")).sort((a, b) => a.confidence - b.confidence);
      if (!unsure.length) return this.tell("no particle is unsure any more");
      const now = unsure.findIndex((p) => this.bench.selection.has(p.label));
      const p = unsure[(now + 1) % unsure.length];
      this.bench.select([p.label]);
      this.reveal(p.label);
    },
  },
};
