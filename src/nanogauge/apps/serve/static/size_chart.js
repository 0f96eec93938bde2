// The size distribution as it stands: histogram, density, fits, quantiles; bins select particles and show those selected.

import { workbench, figures } from "nanogauge-page/workbench.js";

const FIT_DASHES = ["7 4", "2 3", "9 3 2 3"];
const SERIES = ["#0072b2", "#e69f00", "#009e73", "#cc79a7", "#56b4e9", "#d55e00"];
const PAD = { left: 58, right: 12, top: 16, bottom: 36 };

export default {
  props: { name: String, linked: Boolean },
  template: `
    <div class="ng-chart" ref="box">
      <svg ref="svg" :width="w" :height="h" role="img" :aria-label="label" :tabindex="linked ? 0 : -1" @keydown="key"
        @pointerdown="down" @pointermove="move" @pointerup="up" @pointerleave="tip = null">
        <defs><clipPath :id="clip"><rect :x="L" :y="T - 2" :width="Math.max(w - L - R, 0)" :height="Math.max(h - B - T + 2, 0)"></rect></clipPath></defs>
        <g v-if="data && data.edges.length && sums">
          <g class="grid"><template v-for="t in yTicks"><line :x1="L" :x2="w - R" :y1="Y(t)" :y2="Y(t)"></line><text :x="L - 6" :y="Y(t) + 4" text-anchor="end">{{ short(t) }}</text></template></g>
          <path class="density" :clip-path="url" :d="steps(data.cumulative)"></path>
          <g class="quantiles"><template v-for="q in quantiles"><line :x1="X(q.value)" :x2="X(q.value)" :y1="T" :y2="h - B"></line>
            <text :x="X(q.value)" :y="T - 2" text-anchor="middle">{{ q.name }}</text></template></g>
          <rect v-if="brush" class="brush" :x="Math.min(brush[0], brush[1])" :width="Math.abs(brush[1] - brush[0])" :y="T" :height="h - B - T"></rect>
        </g>
        <g v-else-if="data && data.edges.length">
          <g class="grid"><template v-for="t in yTicks"><line :x1="L" :x2="w - R" :y1="Y(t)" :y2="Y(t)"></line><text :x="L - 6" :y="Y(t) + 4" text-anchor="end">{{ short(t) }}</text></template></g>
          <rect v-if="band" class="band" :x="X(band[0])" :width="Math.max(X(band[1]) - X(band[0]), 1)" :y="T" :height="h - B - T"></rect>
          <g class="bars"><rect v-for="(s, i) in data.share" :key="i" :x="X(data.edges[i]) + 0.5" :width="Math.max(X(data.edges[i + 1]) - X(data.edges[i]) - 1, 1)"
            :y="Y(bar(i))" :height="Math.max(Y(0) - Y(bar(i)), 0)" :data-bin="i"></rect></g>
          <g class="marked"><rect v-for="m in marked" :key="m.i" :x="X(data.edges[m.i]) + 0.5" :width="Math.max(X(data.edges[m.i + 1]) - X(data.edges[m.i]) - 1, 1)"
            :y="Y(m.top)" :height="Math.max(Y(0) - Y(m.top), 2)"></rect></g>
          <path v-if="data.density" class="density" :clip-path="url" :d="line(data.density)"></path>
          <path v-for="(f, i) in shownFits" :key="f.law" class="fit" :clip-path="url" :d="line(f)" :stroke-dasharray="dashes[i]"></path>
          <g class="quantiles"><template v-for="q in quantiles"><line :x1="X(q.value)" :x2="X(q.value)" :y1="T" :y2="h - B"></line>
            <text :x="X(q.value)" :y="T - 2" text-anchor="middle">{{ q.name }}</text></template></g>
          <rect v-if="brush" class="brush" :x="Math.min(brush[0], brush[1])" :width="Math.abs(brush[1] - brush[0])" :y="T" :height="h - B - T"></rect>
        </g>
        <g v-else-if="data && data.series && data.series.length">
          <g class="grid"><template v-for="t in yTicks"><line :x1="L" :x2="w - R" :y1="Y(t)" :y2="Y(t)"></line><text :x="L - 6" :y="Y(t) + 4" text-anchor="end">{{ short(t) }}</text></template></g>
          <path v-for="(s, i) in data.series" :key="s.name" class="series" :clip-path="url" :d="line(s)" :stroke="series[i % 6]" :stroke-dasharray="i < 6 ? '' : '6 4'"></path>
        </g>
        <text v-else-if="data" class="empty" :x="w / 2" :y="h / 2" text-anchor="middle">No particle counts, so there is no distribution.</text>
        <g class="axis" v-if="data && xTicks.length">
          <line :x1="L" :x2="w - R" :y1="h - B" :y2="h - B"></line>
          <template v-for="t in xTicks"><line :x1="X(t)" :x2="X(t)" :y1="h - B" :y2="h - B + 4"></line><text :x="X(t)" :y="h - B + 16" text-anchor="middle">{{ short(t) }}</text></template>
          <text class="title" :x="(L + w - R) / 2" :y="h - 4" text-anchor="middle">{{ data.title || 'equivalent diameter' }}{{ data.unit ? ' / ' + data.unit : '' }}</text>
          <text class="title" :transform="'translate(12 ' + (T + h - B) / 2 + ') rotate(-90)'" text-anchor="middle">{{ yTitle }}</text>
        </g>
      </svg>
      <div class="ng-card" v-if="tip" :style="tip.style"><b>{{ tip.head }}</b><span>{{ tip.text }}</span></div>
      <div class="ng-shown" v-if="linked && data && data.edges.length">
        <span>Figure as shown:</span><button type="button" @click="save('svg')">SVG</button><button type="button" @click="save('png')">PNG</button><button type="button" @click="save('csv')">its data</button></div>
      <div class="ng-keys" v-if="data && !sums && (data.density || (data.series && data.series.length))">
        <span v-if="data.density"><i class="k-density"></i>density</span>
        <span v-for="(f, i) in shownFits"><svg width="22" height="8"><line x1="0" x2="22" y1="4" y2="4" class="fit" :stroke-dasharray="dashes[i]"></line></svg>{{ f.name }}<small v-if="f.p && f.p !== '–'"> p {{ f.p }}</small></span>
        <span v-for="(s, i) in data.series || []"><i :style="{ borderColor: series[i % 6] }"></i>{{ s.name }}</span>
      </div>
    </div>`,
  data() {
    return { data: null, w: 320, h: 220, marked: [], brush: null, tip: null, dashes: FIT_DASHES, series: SERIES, fits: 1, log: false, cumulative: false,
      clip: `ng-clip-${Math.random().toString(36).slice(2)}`, L: PAD.left, R: PAD.right, T: PAD.top, B: PAD.bottom };
  },
  computed: {
    url() { return `url(#${this.clip})`; },
    range() {
      const d = this.data;
      if (!d) return [0, 1];
      if (d.range) return this.log ? [Math.max(d.range[0], d.range[1] / 1e3), d.range[1]] : d.range; // that of other charts beside it
      if (d.edges?.length) {
        let a = d.edges[0], b = d.edges[d.edges.length - 1];
        if (this.log) return [a / 1.08, b * 1.08];
        const pad = (b - a) * 0.1 || b * 0.1;
        a = Math.max(0, a - pad);
        return [a, b + pad];
      }
      const xs = (d.series || []).flatMap((s) => [s.x[0], s.x[s.x.length - 1]]);
      return xs.length ? [Math.min(...xs), Math.max(...xs)] : [0, 1];
    },
    sums() { return this.cumulative && !!this.data?.cumulative; },
    yTitle() {
      const d = this.data, of = d.weighting === "volume" ? "volume" : "number";
      if (this.sums) return `share of ${of} no larger`;
      return `${of} density${d.unit ? ` / (1/${d.unit})` : ""}`;
    },
    top() {
      const d = this.data;
      if (this.sums) return 1;
      let top = 0;
      if (d?.edges?.length) d.share.forEach((_, i) => { top = Math.max(top, this.bar(i)); });
      for (const c of [d?.density, ...(d?.series || []), ...this.shownFits].filter(Boolean)) for (const y of c.y) if (y > top) top = y;
      return top * 1.06 || 1;
    },
    shownFits() { return (this.data?.fits || []).slice(0, this.fits); },
    xTicks() {
      if (this.log) return logTicks(this.range[0], this.range[1], Math.max(3, Math.floor(this.w / 70)));
      return ticks(this.range[0], this.range[1], Math.max(3, Math.floor(this.w / 70)));
    },
    yTicks() { return ticks(0, this.top, 4); },
    band() {
      const q = this.data?.quantiles?.d50;
      return q && q.low != null ? [q.low, q.high] : null;
    },
    quantiles() {
      const out = ["d10", "d50", "d90"].filter((n) => this.data?.quantiles?.[n]).map((name) => ({ name, value: this.data.quantiles[name].value }));
      const kept = [];
      for (const q of [out[1], out[0], out[2]]) if (q && kept.every((k) => Math.abs(this.X(k.value) - this.X(q.value)) > 22)) kept.push(q);
      return kept;
    },
    label() {
      const q = this.data?.quantiles?.d50;
      return q ? `Size distribution of ${this.data.n} particles, d50 ${figures(q.value)} ${this.data.unit}` : "Size distribution";
    },
  },
  mounted() {
    this.observer = new ResizeObserver(() => this.resize());
    this.observer.observe(this.$refs.box);
    this.resize();
    if (this.linked) {
      this.bench = workbench(this.name);
      this.off = ["particles", "selection", "hover"].map((e) => this.bench.on(e, () => this.mark()));
    }
  },
  unmounted() {
    this.observer.disconnect();
    for (const off of this.off || []) off();
  },
  methods: {
    show(data) {
      this.data = Object.freeze(data); // thousands of numbers, which Vue need not watch
      const own = data.quantity && data.quantity !== "equivalent_diameter";
      this.field = own ? data.quantity : "";
      this.factor = own && !data.unit ? 1 : data.per_stored;
      if (this.linked && this.bench && data.lengths) this.bench.setUnit(data.lengths);
      this.mark();
    },
    setFits(n) { this.fits = n; },
    setLog(on) { this.log = on; this.mark(); },
    setCumulative(on) { this.cumulative = on; this.mark(); },
    resize() {
      const r = this.$refs.box.getBoundingClientRect();
      if (r.width > 40) this.w = Math.floor(r.width);
      this.h = Math.max(180, Math.min(320, Math.round(this.w * 0.62)));
    },
    X(v) {
      const [a, b] = this.range;
      const t = this.log ? Math.log(Math.max(v, 1e-12) / a) / Math.log(b / a) : (v - a) / (b - a);
      return this.L + t * (this.w - this.L - this.R);
    },
    Y(v) { return this.h - this.B - (v / this.top) * (this.h - this.B - this.T); },
    unX(px) {
      const [a, b] = this.range, t = (px - this.L) / (this.w - this.L - this.R);
      return this.log ? a * (b / a) ** t : a + t * (b - a);
    },
    steps(c) {
      let d = `M${this.X(c.x[0]).toFixed(1)} ${this.Y(0).toFixed(1)}`;
      for (let i = 0; i < c.x.length; i++) d += `${i ? `H${this.X(c.x[i]).toFixed(1)}` : ""}V${this.Y(c.y[i]).toFixed(1)}`;
      return d;
    },
    // a particle's value on the axis, in the unit shown
    value(p) { const v = this.field ? p[this.field] : p.d; return v == null ? NaN : v * this.factor; },
    bar(i) { return this.data.share[i] / (this.data.edges[i + 1] - this.data.edges[i]); },
    line(c) {
      let d = "";
      for (let i = 0; i < c.x.length; i++) d += `${i ? "L" : "M"}${this.X(c.x[i]).toFixed(1)} ${this.Y(Math.min(c.y[i], this.top * 2)).toFixed(1)}`;
      return d;
    },
    short(v) { return v === 0 ? "0" : Math.abs(v) < 0.001 || Math.abs(v) >= 1e5 ? v.toExponential(0) : `${+v.toPrecision(3)}`; },
    bins(labels) {
      const out = new Map();
      for (const label of labels) {
        const p = this.bench.particles.get(label);
        if (!p || p.kind === "left_out") continue;
        const i = this.binOf(this.value(p));
        if (i >= 0) out.set(i, (out.get(i) || 0) + 1);
      }
      return out;
    },
    binOf(v) {
      const e = this.data.edges, n = e.length - 1;
      if (!n || v < e[0] * (1 - 1e-6) || v > e[n] * (1 + 1e-6)) return -1;
      return Math.max(0, Math.min(n - 1, Math.floor(((v - e[0]) / (e[n] - e[0])) * n)));
    },
    mark() {
      if (!this.linked || !this.data?.edges?.length) return (this.marked = []);
      const found = this.bins(this.bench.selection.size ? this.bench.selection : this.bench.hover ? [this.bench.hover] : []);
      this.marked = [...found].map(([i, n]) => ({ i, top: Math.max(this.bar(i) * Math.min(1, n / Math.max(this.data.count[i], 1)), this.top * 0.02) }));
    },
    at(e) { const r = this.$refs.svg.getBoundingClientRect(); return [e.clientX - r.left, e.clientY - r.top]; },
    down(e) {
      if (!this.linked || !this.data?.edges.length) return;
      const [x] = this.at(e);
      this.brush = [x, x];
      this.$refs.svg.setPointerCapture(e.pointerId);
    },
    move(e) {
      const [x, y] = this.at(e);
      if (this.brush) { this.brush = [this.brush[0], x]; return; }
      if (!this.data?.edges?.length) return;
      const i = this.binOf(this.unX(x));
      if (i < 0) { this.tip = null; return; }
      const [a, b] = [this.data.edges[i], this.data.edges[i + 1]];
      this.tip = { head: `${figures(a, 4)} to ${figures(b, 4)} ${this.data.unit}`, text: `${this.data.count[i]} particle${this.data.count[i] === 1 ? "" : "s"}, ${(100 * this.data.share[i]).toFixed(1)} %`,
        style: x > this.w / 2 ? { right: `${this.w - x + 12}px`, top: `${Math.max(y - 10, 0)}px` } : { left: `${x + 12}px`, top: `${Math.max(y - 10, 0)}px` } };
    },
    up(e) {
      if (!this.brush) return;
      const [a, b] = [...this.brush].sort((p, q) => p - q);
      const add = e.shiftKey;
      this.brush = null;
      let low = this.unX(a), high = this.unX(b);
      if (b - a < 4) {
        const i = this.binOf(this.unX(a));
        if (i < 0) return this.bench.select([]);
        [low, high] = [this.data.edges[i], this.data.edges[i + 1]];
        this.chosen = i;
      }
      this.pick(low, high, add, b - a < 4 ? this.binOf(this.unX(a)) : -1);
    },
    pick(low, high, add, bin) {
      const inside = [...this.bench.particles.values()].filter((p) => {
        const v = this.value(p);
        return p.kind !== "left_out" && (bin >= 0 ? this.binOf(v) === bin : v >= low && v <= high);
      });
      this.bench.select(inside.map((p) => p.label), { add });
    },
    // What is seen, on white whatever the theme is: for a paper.
    async save(kind) {
      const name = `${this.name}-${this.data.quantity || "diameter"}${this.sums ? "-cumulative" : ""}.${kind}`;
      if (kind === "csv") return download(new Blob([this.rows()], { type: "text/csv" }), name);
      const text = lightSvg(this.$refs.svg);
      const svg = new Blob([text], { type: "image/svg+xml" });
      if (kind === "svg") return download(svg, name);
      const picture = new Image();
      picture.src = `data:image/svg+xml;charset=utf-8,${encodeURIComponent(text)}`;
      await picture.decode();
      const canvas = Object.assign(document.createElement("canvas"), { width: 4 * this.w, height: 4 * this.h });
      const c = canvas.getContext("2d");
      c.fillStyle = "#ffffff";
      c.fillRect(0, 0, canvas.width, canvas.height);
      c.drawImage(picture, 0, 0, canvas.width, canvas.height);
      canvas.toBlob((blob) => download(blob, name), "image/png");
    },
    rows() {
      const d = this.data, of = d.unit ? ` / ${d.unit}` : "";
      if (this.sums) return `"${d.title}${of}",share no larger\n${d.cumulative.x.map((x, i) => `${x},${d.cumulative.y[i]}`).join("\n")}\n`;
      return `"from${of}","to${of}",particles,share\n${d.share.map((s, i) => `${d.edges[i]},${d.edges[i + 1]},${d.count[i]},${s}`).join("\n")}\n`;
    },
    key(e) {
      if (!this.linked || !this.data?.edges?.length || !["ArrowLeft", "ArrowRight"].includes(e.key)) return;
      e.preventDefault();
      const n = this.data.share.length;
      this.chosen = Math.max(0, Math.min(n - 1, (this.chosen ?? -1) + (e.key === "ArrowRight" ? 1 : -1)));
      this.pick(0, 0, e.shiftKey, this.chosen);
    },
  },
};

function ticks(a, b, n) {
  if (!(b > a)) return [];
  const raw = (b - a) / n, decade = 10 ** Math.floor(Math.log10(raw));
  const step = [1, 2, 2.5, 5, 10].map((k) => k * decade).find((s) => s >= raw);
  const out = [];
  for (let v = Math.ceil(a / step) * step; v <= b * (1 + 1e-9); v += step) out.push(+v.toPrecision(10));
  return out;
}

// 1, 2, 5 of each decade; fewer where the axis is long
function logTicks(a, b, n) {
  for (const steps of [[1, 1.5, 2, 3, 4, 5, 6, 7, 8, 9], [1, 2, 3, 5, 7], [1, 2, 5], [1, 3], [1]]) {
    const out = [];
    for (let decade = 10 ** Math.floor(Math.log10(a)); decade <= b; decade *= 10) {
      for (const k of steps) if (k * decade >= a && k * decade <= b) out.push(+(k * decade).toPrecision(3));
    }
    if (out.length <= n + 1) return out.length > 1 ? out : ticks(a, b, n);
  }
  return ticks(a, b, n);
}

function download(blob, name) {
  const a = Object.assign(document.createElement("a"), { href: URL.createObjectURL(blob), download: name });
  a.click();
  setTimeout(() => URL.revokeObjectURL(a.href), 10_000);
}

// The drawing with its styles written into it, in the colours of the light theme.
function lightSvg(svg) {
  const dark = document.body.classList.contains("body--dark");
  document.body.classList.toggle("body--dark", false);
  const copy = svg.cloneNode(true), from = [svg, ...svg.querySelectorAll("*")], to = [copy, ...copy.querySelectorAll("*")];
  const kept = ["fill", "stroke", "stroke-width", "stroke-dasharray", "opacity", "font-size", "font-family", "text-anchor"];
  from.forEach((e, i) => {
    const style = getComputedStyle(e);
    to[i].setAttribute("style", kept.map((k) => `${k}:${style.getPropertyValue(k)}`).join(";"));
  });
  document.body.classList.toggle("body--dark", dark);
  copy.setAttribute("xmlns", "http://www.w3.org/2000/svg");
  copy.setAttribute("viewBox", `0 0 ${svg.getAttribute("width")} ${svg.getAttribute("height")}`);
  for (const e of copy.querySelectorAll(".marked, .brush")) e.remove();
  return copy.outerHTML.replace(/<!--.*?-->/g, "");
}
