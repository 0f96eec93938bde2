// The markup of the picture's component.

export const TEMPLATE = `
<div class="ng-view">
  <div class="ng-tools" role="toolbar" aria-label="Tools" aria-orientation="vertical">
    <button v-for="(t, id) in tools" :key="id" type="button" :class="{ on: tool === id }" :aria-pressed="tool === id"
      :aria-label="t.title" :data-tool="id" @click="setTool(id)">
      <i class="material-icons" :class="{ squeezed: t.squeezed }" aria-hidden="true">{{ t.icon }}</i>
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
    <svg width="0" height="0" class="ng-filters" aria-hidden="true"><filter id="ng-gamma" color-interpolation-filters="sRGB"><feComponentTransfer>
      <feFuncR type="gamma" :exponent="1 / gamma"/><feFuncG type="gamma" :exponent="1 / gamma"/><feFuncB type="gamma" :exponent="1 / gamma"/></feComponentTransfer></filter>
      <filter id="ng-levels" color-interpolation-filters="sRGB"><feComponentTransfer>
      <feFuncR type="linear" v-bind="levels"/><feFuncG type="linear" v-bind="levels"/><feFuncB type="linear" v-bind="levels"/></feComponentTransfer></filter></svg>
    <canvas ref="picture" class="ng-canvas" :style="{ filter }"></canvas>
    <canvas ref="lines" class="ng-canvas ng-lines"></canvas>
    <canvas ref="top" class="ng-canvas"></canvas>
    <div v-if="failed" class="ng-failed" role="alert"><i class="material-icons">error_outline</i><p>{{ failed }}</p></div>
    <div v-else-if="!loaded" class="ng-failed"><p>Opening …</p></div>
    <div class="ng-review" v-if="review && asking" role="group" aria-label="Unsure particles">
      <span class="text"><b>{{ asking.where }}</b> <b>{{ asking.head }}</b> <span>{{ asking.why }}</span></span>
      <span class="buttons">
        <button type="button" @click="act('delete')">Delete <kbd>Del</kbd></button><button type="button" @click="act('accept')">Keep <kbd>K</kbd></button>
        <button type="button" @click="act('leave_out')" title="It is there, but covered or cut: seen, not counted">Leave out <kbd>O</kbd></button>
        <button type="button" @click="stepReview(1)">Skip <kbd>U</kbd></button><button type="button" @click="endReview" aria-label="End the review">Esc</button>
      </span></div>
    <div class="ng-hint" v-if="loaded && tool !== 'select'"><b>{{ tools[tool].title }}.</b> {{ tools[tool].hint }}
      <button type="button" @click="setTool('select')" aria-label="Put the tool away">Esc</button></div>
    <div class="ng-card" v-if="card" :style="card.style"><b>{{ card.head }}</b><span v-for="line in card.lines">{{ line }}</span></div>
    <div class="ng-shapes" v-if="selected && tool === 'select' && !review" role="toolbar" aria-label="Shape of what is selected">
      <button v-for="a in shapes" :key="a.name" type="button" :title="a.title" @click="act(a.name)">{{ a.words }} <kbd>{{ a.key === 'G' ? '⇧ G' : a.key.toUpperCase() }}</kbd></button></div>
    <div class="ng-profile" v-if="profile"><button type="button" aria-label="Close" @click="closeProfile"><i class="material-icons">close</i></button>
      <b>{{ profile.length }}</b><svg :viewBox="'0 0 260 90'" width="260" height="90" role="img" :aria-label="'Grey profile over ' + profile.length"><path :d="profile.path"></path></svg>
      <span>grey {{ profile.low }} to {{ profile.high }}</span></div>
    <div class="ng-pixel" v-if="pixel">{{ pixel }}</div>
    <div class="ng-curtain" v-if="over">Drop ROIs or labels of this micrograph</div>
    <div class="ng-unsent" v-if="unsent" role="alert"><i class="material-icons" aria-hidden="true">cloud_off</i><span><b>The server does not answer.</b>
      {{ unsent }} edit{{ unsent > 1 ? 's are' : ' is' }} kept in this browser and sent when it is back; the picture shows them then.</span></div>
    <div class="ng-trying" v-if="trying" role="status"><b>B</b> as tried; edits act on A <button type="button" @click="$emit('flip')">A <kbd>J</kbd></button></div>
    <div class="ng-toast" v-if="told" role="status">{{ told }}</div>
    <div class="ng-kinds" v-if="loaded && by === 'class'" role="note" aria-label="Classes"><span v-for="k in kinds" :key="k.name"><i :style="{ background: k.colour }"></i>{{ k.name }} {{ k.count }}</span>
      <span v-if="!kinds.length">none has a class: select some, press 1 to 9</span></div>
    <div class="ng-ruler" v-if="loaded" title="Length on the specimen at this zoom"><i ref="rulerLine"></i><span ref="rulerText"></span></div>
    <button type="button" class="ng-unsure" v-if="loaded && nUnsure && !review && tool === 'select'" @click="nextUnsure" title="Go through them one by one (U)">{{ nUnsure }} unsure <kbd>U</kbd></button>
    <div class="ng-look" :class="{ brushing: tool === 'brush' || tool === 'erase' }" v-if="loaded">
      <label class="ng-select"><span>Colour by</span>
        <select v-model="by" @change="redraw" aria-label="Colour outlines by">
          <option value="status">status</option><option value="class">class</option><option v-for="(q, id) in quantities" :key="id" :value="id">{{ q.title }}</option>
          <optgroup label="How they lie"><option v-for="(words, id) in arranged" :key="id" :value="id">{{ words }}</option></optgroup>
        </select></label>
      <span class="ng-legend" v-if="by === 'status'">
        <i :style="{ background: colours.counted }"></i>counted <i :style="{ background: colours.unsure }"></i>unsure
        <i class="dash" :style="{ borderColor: colours.left_out }"></i>left out</span>
      <span class="ng-legend" v-else-if="arranged[by]"><span>{{ lie.text || lie.low }}</span>
        <template v-if="lie.ramp"><i class="ramp" :style="{ background: lie.ramp }"></i><span>{{ lie.high }}</span></template></span>
      <span class="ng-legend" v-else-if="by !== 'class'"><span>{{ rampEnds[0] }}</span><i class="ramp" :style="{ background: ramp }"></i><span>{{ rampEnds[1] }}</span></span>
      <label class="ng-slider" v-if="tool === 'brush' || tool === 'erase'"><span>Brush</span>
        <input type="range" min="1" max="120" step="0.5" v-model.number="brush" @input="redraw" aria-label="Brush radius"><span>{{ brush }} px</span></label>
    </div>
    <div class="ng-zoom" v-if="loaded">
      <button type="button" :class="{ on: lining }" :aria-pressed="lining" aria-label="Look of the outlines" title="Look of the outlines" @click="toggleLining"><i class="material-icons">line_style</i></button>
      <button type="button" :class="{ on: light }" :aria-pressed="light" aria-label="Brightness and contrast" title="Brightness and contrast" @click="toggleLight"><i class="material-icons">contrast</i></button>
      <button type="button" :class="{ on: !shown }" :aria-pressed="!shown" aria-label="Hide the outlines" title="Hide the outlines (H)" @click="toggleOutlines"><i class="material-icons">{{ shown ? 'visibility' : 'visibility_off' }}</i></button>
      <button type="button" aria-label="Zoom out" title="Zoom out (−)" @click="zoomBy(1 / 1.4)"><i class="material-icons">remove</i></button>
      <span class="ng-percent" ref="percent"></span>
      <button type="button" aria-label="Zoom in" title="Zoom in (+)" @click="zoomBy(1.4)"><i class="material-icons">add</i></button>
      <button type="button" aria-label="Show all" title="Show all (0)" @click="fit"><i class="material-icons">fit_screen</i></button>
    </div>
    <div class="ng-light" v-if="lining" role="group" aria-label="Look of the outlines">
      <label>Width <input type="range" min="0.4" max="3" step="0.1" v-model.number="look.width" @input="lookChanged" aria-label="Width of the outlines"></label>
      <label>Opacity <input type="range" min="0.1" max="1" step="0.05" v-model.number="look.opacity" @input="lookChanged" aria-label="Opacity of the outlines"></label>
      <label>Numbers <input type="checkbox" v-model="look.numbers" @change="lookChanged"></label>
      <label>As found, beside the edited <input type="checkbox" v-model="look.found" @change="lookChanged"></label>
      <button type="button" @click="resetLook">Reset</button>
    </div>
    <div class="ng-light" v-if="light" role="group" aria-label="Brightness and contrast">
      <svg v-if="histogram" class="ng-levels" viewBox="0 0 256 60" width="256" height="60" role="img" aria-label="Histogram of the grey levels">
        <path :d="histogram.path"></path><rect :x="low" y="0" :width="Math.max(high - low, 1)" height="60"></rect></svg>
      <label>Black at <input type="range" min="0" max="254" v-model.number="low" @input="high = Math.max(high, low + 1)" aria-label="Grey level shown black"></label>
      <label>White at <input type="range" min="1" max="255" v-model.number="high" @input="low = Math.min(low, high - 1)" aria-label="Grey level shown white"></label>
      <button type="button" @click="autoLevels" title="All but 0.35 % of the pixels between black and white">Auto</button>
      <label>Brightness <input type="range" min="40" max="260" v-model.number="brightness" aria-label="Brightness"></label>
      <label>Contrast <input type="range" min="40" max="300" v-model.number="contrast" aria-label="Contrast"></label>
      <label>Gamma <input type="range" min="0.3" max="3" step="0.05" v-model.number="gamma" aria-label="Gamma"></label>
      <label>Invert <input type="checkbox" v-model="inverted"></label>
      <button type="button" @click="resetLight">Reset</button><small>Only what you see; nothing is measured anew.</small>
    </div>
  </div>
</div>`;
