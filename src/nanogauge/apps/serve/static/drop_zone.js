// Where micrographs are dropped: files, whole folders, or chosen by hand; each with its own progress, refusals said at once.

const MOST_AT_ONCE = 2;
const MOST_TEXT = 1_000_000;
const TEXTS = /\.(txt|hdr)$/i;
const WORST_LAST = ["tif", "tiff", "png", "bmp", "gif", "webp", "jpg", "jpeg"];

export default {
  props: { compact: Boolean, suffixes: Array }, // of pictures, ".tif" ...
  emits: ["taken", "refused", "idle"],
  template: `
    <div class="ng-drop" :class="{ compact, over }" @dragover.prevent @drop.prevent="dropped">
      <div class="ng-drop-in">
        <i class="material-icons" aria-hidden="true">add_photo_alternate</i>
        <div class="ng-drop-text"><b>Drop micrographs or a folder here</b><span v-if="!compact">TIFF, PNG, JPEG, BMP, dm3, dm4, emd, ser, mrc and others</span></div>
        <div class="ng-drop-buttons"><button type="button" @click="$refs.files.click()">Choose files</button><button type="button" @click="$refs.folder.click()">Choose a folder</button><slot></slot></div>
      </div>
      <input ref="files" type="file" multiple hidden data-testid="files" aria-label="Micrographs" @change="chosen">
      <input ref="folder" type="file" webkitdirectory hidden aria-label="A folder of micrographs" @change="chosen">
      <ul class="ng-sending" v-if="sending.length" aria-live="polite">
        <li v-for="s in sending" :key="s.id" :class="s.state">
          <span class="name" :title="s.name">{{ s.name }}</span>
          <span class="bar" v-if="s.state === 'sending'"><i :style="{ width: 100 * s.share + '%' }"></i></span>
          <span class="why">{{ s.said }}</span>
          <button v-if="s.state === 'refused' || s.state === 'noted'" type="button" aria-label="Dismiss" @click="dismiss(s)"><i class="material-icons">close</i></button>
        </li>
      </ul>
      <button v-if="refusedMany" type="button" class="ng-clear" @click="clearRefused">Dismiss all</button>
      <div v-if="over" class="ng-curtain">Drop to measure</div>
    </div>`,
  data: () => ({ sending: [], over: false, depth: 0 }),
  computed: { refusedMany() { return this.sending.filter((s) => s.state !== "sending").length > 2; } },
  mounted() {
    this.queue = [];
    this.running = 0;
    this.underWay = new Set();
    this.count = 0;
    const has = (e) => [...(e.dataTransfer?.types || [])].includes("Files");
    this.handlers = {
      dragenter: (e) => { if (has(e)) { this.depth++; this.over = true; } },
      dragleave: () => { this.depth = Math.max(0, this.depth - 1); this.over = this.depth > 0; },
      dragover: (e) => { if (has(e)) e.preventDefault(); },
      drop: (e) => { if (has(e)) { e.preventDefault(); if (!e.ngTaken) this.dropped(e); } },
    };
    for (const [type, f] of Object.entries(this.handlers)) window.addEventListener(type, f);
  },
  unmounted() { for (const [type, f] of Object.entries(this.handlers)) window.removeEventListener(type, f); },
  methods: {
    async dropped(e) {
      if (e.ngTaken) return;
      e.ngTaken = true;
      this.over = false;
      this.depth = 0;
      const items = [...(e.dataTransfer.items || [])].map((i) => i.webkitGetAsEntry?.()).filter(Boolean);
      if (!items.length) return this.add([...e.dataTransfer.files].map((file) => ({ file, folder: "" })));
      const found = [];
      for (const item of items) await walk(item, "", found);
      this.add(found);
    },
    chosen(e) {
      this.add([...e.target.files].map((file) => ({ file, folder: (file.webkitRelativePath || "").split("/").slice(0, -1).join("/") })));
      e.target.value = "";
    },
    isPicture(name) { return this.suffixes.includes(`.${suffixOf(name)}`); },
    add(found) {
      const texts = new Map(found.filter(({ file }) => TEXTS.test(file.name) && file.size <= MOST_TEXT).map((f) => [key(f, f.file.name), f]));
      const taken = new Set();
      for (const f of found) {
        const text = textNames(f.file.name).map((name) => texts.get(key(f, name))).find((t) => t && t !== f);
        if (!this.isPicture(f.file.name) || !text) continue;
        f.beside = text.file;
        taken.add(text);
      }
      const wanted = found.filter((f) => !f.file.name.startsWith(".") && (!f.folder || this.isPicture(f.file.name)) && !taken.has(f));
      if (found.length && !wanted.length) {
        this.sending.unshift({ id: this.count++, name: "this folder", state: "refused", share: 0, said: "no micrographs in it" });
      }
      // a picture before the masks that are named after it, and before poorer copies of it
      wanted.sort((a, b) => a.file.name.length - b.file.name.length || rank(a.file.name) - rank(b.file.name));
      const others = wanted.length > 1 || wanted.some((f) => f.folder); // a file that comes alone is meant, whatever it is
      for (const { file, folder, beside } of wanted) {
        const s = { id: this.count++, name: file.name, state: "sending", share: 0, said: "" };
        this.sending.push(s);
        this.queue.push({ file, folder, beside, others, s: this.sending[this.sending.length - 1] });
      }
      this.next();
    },
    next() {
      while (this.running < MOST_AT_ONCE) {
        const k = this.queue.findIndex((q) => !this.underWay.has(stemOf(q.file.name))); // of one name one after the other: the first one stays
        if (k < 0) return;
        const [next] = this.queue.splice(k, 1), stem = stemOf(next.file.name);
        this.underWay.add(stem);
        this.running++;
        this.send(next).finally(() => {
          this.underWay.delete(stem);
          this.running--;
          if (!this.running && !this.queue.length) this.$emit("idle");
          this.next();
        });
      }
    },
    async send({ file, folder, beside, others, s }) {
      let query = `name=${encodeURIComponent(file.name)}&folder=${encodeURIComponent(folder)}${others ? "&others=true" : ""}`;
      if (beside) {
        const options = { method: "POST", headers: { "x-nanogauge": "1" }, body: beside };
        const answer = await fetch(`${window.path_prefix || ""}/api/uploads/beside`, options).catch(() => null);
        const { ticket } = answer?.ok ? await answer.json() : {};
        if (ticket) query += `&beside=${ticket}&suffix=.${beside.name.split(".").pop().toLowerCase()}`;
      }
      await new Promise((resolve) => {
        const x = new XMLHttpRequest();
        x.open("POST", `${window.path_prefix || ""}/api/uploads?${query}`);
        x.setRequestHeader("x-nanogauge", "1");
        x.upload.onprogress = (e) => { s.share = e.total ? e.loaded / e.total : 0; if (s.share === 1) s.said = "looking at it …"; };
        const refuse = (text) => { s.state = "refused"; s.said = text.startsWith(`${file.name}: `) ? text.slice(file.name.length + 2) : text; this.$emit("refused", { name: file.name, text }); resolve(); };
        x.onerror = () => refuse("the server does not answer");
        x.onload = () => {
          let content = {};
          try { content = JSON.parse(x.responseText); } catch { /* said below */ }
          if (x.status !== 200) return refuse(content.error || `refused (${x.status})`);
          if (content.message) { s.state = "noted"; s.said = content.message; } else this.dismiss(s);
          this.$emit("taken", content.name);
          resolve();
        };
        x.send(file);
      });
    },
    dismiss(s) { this.sending = this.sending.filter((t) => t.id !== s.id); },
    clearRefused() { this.sending = this.sending.filter((s) => s.state === "sending"); },
  },
};

function suffixOf(name) { return name.split(".").pop().toLowerCase(); }

function stemOf(name) { return name.slice(0, name.lastIndexOf(".")).toLowerCase(); }

function rank(name) { return WORST_LAST.indexOf(suffixOf(name)); }

// Names of the text that a microscope writes beside a picture, as nanogauge.reading.sidecar looks for them
function textNames(name) {
  const dot = name.lastIndexOf("."), stem = name.slice(0, dot), suffix = name.slice(dot + 1);
  return [`${stem}-${suffix}.hdr`, `${name}.hdr`, `${stem}.hdr`, `${name}.txt`, `${stem}.txt`];
}

function key({ folder }, name) {
  return `${folder}/${name.toLowerCase()}`;
}

async function walk(entry, folder, out) {
  if (entry.isFile) {
    const file = await new Promise((ok, no) => entry.file(ok, no)).catch(() => null);
    if (file) out.push({ file, folder });
    return;
  }
  const reader = entry.createReader();
  const here = folder ? `${folder}/${entry.name}` : entry.name;
  for (;;) {
    const part = await new Promise((ok, no) => reader.readEntries(ok, no)).catch(() => []);
    if (!part.length) return;
    for (const child of part) await walk(child, here, out);
  }
}
