"""Texts that tests of the tokenizers share: written for them, one peculiarity each."""

from __future__ import annotations

SENTENCES = (
    "",
    " \t\n ",
    "今天天气非常好，我们一起去公园。",
    "北京大学研究生研究生命的起源",
    "把客厅的灯打开，关了空调！",
    "Hello, World! I quantize on the edge.",
    "我用Python写C++代码，3D的、Q版的、X光",
    "café naïve Ångström ÉCOLE",
    "cafe\u0301 naı\u0307ve",
    "STRASSE straße ẞ İstanbul ΣΑΣ ς",
    "北\u200b京 大\u00a0学\u3000中\ufeff文",
    "你好\r\n世界\u2028中国\x85人民\x0b上海",
    "한국어 사람",
    "[MASK]大学[SEP][CLS] [mask] [unused1] <S> [[PAD]]",
    "😀👨\u200d👩\u200d👧 ❤\ufe0f 🇨🇳",
    "豈\uf900𠀀\U0002f804 Ⅷ ① ㎏ ａｂＣ",
    "a" * 99 + " " + "a" * 100 + " " + "a" * 101,
    "3.14% 1,000 user@mail.com https://x.y/z?a=b&c=d#e",
    "中\x00文\ufffd\x7f\xad\u0378\ue000\uffff",
    "\u0301abc q\u0323\u0307 \u1e9b\u0323 \u302f\u302e",
    "c++c++ 一一二二三三 ------ ....",
    "后悔頭髮說點\u202e逆\u202c",
)
