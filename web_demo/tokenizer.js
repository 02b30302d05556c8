// Text to ids as the slow mode of docs/tokenizer.md says, with nothing but a bundle's own files. Characters are code points.

const LEAST_IDEOGRAPH = 0x4e00;
const LAST_IDEOGRAPH = 0x9fff;
const LONGEST_WORD = 64;
const LONGEST_PART = 100;
const REMOVE = 1, SPACE = 2, MARK = 4, PUNCTUATION = 8, IDEOGRAPH = 16;
const RUNS = [[0x3400, 0x4dbf], [0x4e00, 0x9fff], [0xf900, 0xfaff], [0x20000, 0x2a6df], [0x2a700, 0x2ebef], [0x2f800, 0x2fa1f]];

const isSpace = (code) => (code >= 9 && code <= 13) || (code >= 0x1c && code <= 0x20) || code === 0x85 || code === 0xa0
  || code === 0x1680 || (code >= 0x2000 && code <= 0x200a) || code === 0x2028 || code === 0x2029 || code === 0x202f
  || code === 0x205f || code === 0x3000;
const isAlphanumeric = (code) => (code >= 48 && code <= 57) || (code >= 65 && code <= 90) || (code >= 97 && code <= 122);
const inRun = (code) => isAlphanumeric(code) || (code < 128 && "+#&._%-".includes(String.fromCodePoint(code)))
  || RUNS.some(([first, last]) => code >= first && code <= last);
const codesOf = (text) => Array.from(text, (character) => character.codePointAt(0));
const textOf = (codes) => codes.map((code) => String.fromCodePoint(code)).join("");

function sectionsOf(buffer) {
  const items = new Uint32Array(buffer);
  const sections = [];
  let start = 20;
  for (let number = 0; number < 18; number++) {
    sections.push(items.subarray(start, start + items[2 + number]));
    start += items[2 + number];
  }
  if (items[0] !== 0x6e756672 || items[1] !== 0x31646369 || start !== items.length) throw new Error("unicode.bin is damaged");
  return sections;
}

class UnicodeTables {
  constructor(buffer) {
    const sections = sectionsOf(buffer);
    this.runs = sections[0];
    [this.lower, this.decomposed, this.composed] = [1, 4, 7].map((first) => {
      const [keys, ends, texts] = sections.slice(first, first + 3);
      return new Map(Array.from(keys, (key, at) => [key, Array.from(texts.subarray(at ? ends[at - 1] : 0, ends[at]))]));
    });
  }

  kind(code) {
    let low = 0, high = this.runs.length - 1;
    while (low < high) {
      const middle = (low + high + 1) >> 1;
      if (this.runs[middle] >>> 8 <= code) low = middle; else high = middle - 1;
    }
    return this.runs[low] & 255;
  }

  decompose(code) {
    if (code < 0xac00 || code > 0xd7a3) return this.decomposed.get(code) ?? [code];
    const rest = code - 0xac00;
    const parts = [0x1100 + Math.floor(rest / 588), 0x1161 + Math.floor((rest % 588) / 28)];
    return rest % 28 ? [...parts, 0x11a7 + (rest % 28)] : parts;
  }
}

class Words {
  constructor(buffer) {
    const view = new DataView(buffer);
    const nodes = view.getUint32(8, true), scores = view.getUint32(12, true);
    const size = 16 + 8 * scores + 4 * (nodes + 1) + 4 * nodes;
    if (textOf(Array.from(new Uint8Array(buffer, 0, 8))) !== "rfwords1" || size !== buffer.byteLength) throw new Error("words.bin is damaged");
    this.scores = new Float64Array(buffer, 16, scores);
    this.firsts = new Uint32Array(buffer, 16 + 8 * scores, nodes + 1);
    this.labels = new Uint16Array(buffer, 16 + 8 * scores + 4 * (nodes + 1), nodes);
    this.values = new Uint16Array(buffer, 16 + 8 * scores + 4 * (nodes + 1) + 2 * nodes, nodes);
  }

  child(node, code) {
    let low = this.firsts[node], high = this.firsts[node + 1] - 1;
    while (low <= high) {
      const middle = (low + high) >> 1;
      if (this.labels[middle] === code) return middle;
      if (this.labels[middle] < code) low = middle + 1; else high = middle - 1;
    }
    return 0;
  }

  // where the best word that begins at each place ends
  stops(text) {
    const sums = new Float64Array(text.length + 1);
    const stops = new Int32Array(text.length);
    for (let start = text.length - 1; start >= 0; start--) {
      let best = null;
      stops[start] = start + 1;
      if (!inRun(text[start])) continue; // sums of a run do not look beyond it
      for (let node = this.child(0, text[start]), end = start + 1; node; end++) {
        const value = this.values[node];
        const sum = value ? this.scores[value] + sums[end] : 0;
        // of equal sums the longer word counts
        if (value && (best === null || sum >= best)) [best, stops[start]] = [sum, end];
        if (end >= text.length || end - start >= LONGEST_WORD || !inRun(text[end])) break;
        node = this.child(node, text[end]);
      }
      sums[start] = best ?? this.scores[0] + sums[start + 1];
    }
    return stops;
  }

  cut(text) {
    const stops = this.stops(text);
    const words = [];
    for (let start = 0; start < text.length;) {
      let end = stops[start];
      if (end === start + 1 && isAlphanumeric(text[start])) {
        while (end < text.length && stops[end] === end + 1 && isAlphanumeric(text[end])) end++;
      } else if (text[start] === 13 && text[end] === 10) end++;
      words.push(text.slice(start, end));
      start = end;
    }
    return words;
  }
}

export class Tokenizer {
  // settings: the manifest's tokenizer; files: ArrayBuffers of vocabulary, words and unicode
  constructor(settings, files) {
    const refused = { mode: settings.mode !== "slow", never_split: settings.never_split?.length, pipeline: settings.pipeline,
      do_basic_tokenize: !settings.do_basic_tokenize, split_special_tokens: settings.split_special_tokens };
    for (const [name, wrong] of Object.entries(refused)) {
      if (wrong) throw new Error(`this page reads tokenizers of the slow mode as published; found ${name} ${JSON.stringify(settings[name])}`);
    }
    const text = new TextDecoder("utf-8", { fatal: true }).decode(files.vocabulary);
    const lines = text.split(/\r\n|\r|\n/);
    if (lines.at(-1) === "") lines.pop();
    this.ids = new Map(lines.map((token, id) => [token, id]));
    this.lowers = settings.do_lower_case;
    this.strips = settings.strip_accents ?? settings.do_lower_case;
    this.apart = settings.tokenize_chinese_chars;
    this.limit = settings.model_max_length;
    this.unicode = new UnicodeTables(files.unicode);
    this.words = new Words(files.words);
    this.special = new Map();
    for (const [id, token] of Object.entries(settings.added_tokens_decoder)) {
      if (!token.special || token.lstrip || token.rstrip || token.single_word || this.ids.get(token.content) !== Number(id)) {
        throw new Error(`this page takes no added tokens but special ones of the vocabulary; found ${JSON.stringify(token.content)}`);
      }
      this.special.set(token.content, Number(id));
    }
    for (const name of ["cls_token", "sep_token", "unk_token", "mask_token", "pad_token"]) {
      const id = this.ids.get(settings[name]);
      if (settings[name] !== null && id === undefined) throw new Error(`${name} is not in the vocabulary`);
      if (settings[name] !== null) this.special.set(settings[name], id);
    }
    // where no token begins inside another, the leftmost is the one that the rules take
    const heads = new Set([...this.special.keys()].map((token) => token[0]));
    for (const token of this.special.keys()) {
      if ([...token].slice(1).some((character) => heads.has(character))) throw new Error(`special tokens overlap: ${token}`);
    }
    [this.cls, this.sep, this.unk] = [settings.cls_token, settings.sep_token, settings.unk_token].map((token) => this.special.get(token));
  }

  encode(text) {
    return [this.cls, ...this.tokens(text), this.sep];
  }

  tokens(text) {
    if (!text.isWellFormed()) throw new Error("the text holds a lone surrogate; it is not valid Unicode");
    const ids = [];
    let rest = text;
    while (rest) {
      let [at, found] = [rest.length, ""];
      for (const token of this.special.keys()) {
        const place = rest.indexOf(token);
        if (place >= 0 && (place < at || (place === at && token.length > found.length))) [at, found] = [place, token];
      }
      this.addWords(codesOf(rest.slice(0, at)), ids);
      if (found) ids.push(this.special.get(found));
      rest = rest.slice(at + found.length);
    }
    return ids;
  }

  lower(codes) {
    return this.lowers ? codes.flatMap((code) => this.unicode.lower.get(code) ?? [code]) : codes;
  }

  addWords(codes, ids) {
    for (const word of this.words.cut(this.lower(codes))) {
      const id = this.ids.get(textOf(word));
      if (id !== undefined) ids.push(id);
      else for (const part of this.parts(word)) this.addPieces(part, ids);
    }
  }

  // clean, split, lower-case, strip accents, split again
  parts(word) {
    if (this.apart && word.every((code) => code >= LEAST_IDEOGRAPH && code <= LAST_IDEOGRAPH)) return word.map((code) => [code]);
    const cleaned = word.flatMap((code) => {
      const kind = this.unicode.kind(code);
      if (kind & REMOVE) return [];
      if (kind & SPACE) return [32];
      const composed = this.unicode.composed.get(code) ?? [code];
      return this.apart && kind & IDEOGRAPH ? [32, ...composed, 32] : composed;
    });
    return fields(cleaned).flatMap((part) => {
      if (this.special.has(textOf(part))) return [part];
      let folded = this.lower(part);
      if (this.strips) folded = folded.flatMap((code) => this.unicode.decompose(code)).filter((code) => !(this.unicode.kind(code) & MARK));
      if (this.special.has(textOf(folded))) return [folded];
      return fields(folded.flatMap((code) => (this.unicode.kind(code) & PUNCTUATION ? [32, code, 32] : [code])));
    });
  }

  addPieces(part, ids) {
    const found = [];
    for (let start = 0; start < part.length && part.length <= LONGEST_PART;) {
      let end = part.length;
      let id;
      for (; end > start; end--) {
        id = this.ids.get((start ? "##" : "") + textOf(part.slice(start, end)));
        if (id !== undefined) break;
      }
      if (id === undefined) break;
      found.push(id);
      start = end;
      if (start === part.length) return void ids.push(...found);
    }
    ids.push(this.unk);
  }
}

function fields(codes) {
  const found = [[]];
  for (const code of codes) {
    if (isSpace(code)) found.push([]); else found.at(-1).push(code);
  }
  return found.filter((part) => part.length);
}
