"""The style sheet of the HTML report: light and dark, wide and narrow, screen and paper."""

from __future__ import annotations

CSS = """
:root{color-scheme:light dark;--page:#f6f6f4;--card:#fff;--ink:#1b1e23;--soft:#5b6470;--line:#e3e4e1;
  --faint:#efefec;--ref:#7d8794;--cand:#2f5fd0;--good:#16794a;--good-soft:#e4f3ea;--bad:#b93427;
  --bad-soft:#fbe9e6;--open:#5b6470;--open-soft:#ececea}
@media (prefers-color-scheme:dark){
  :root{--page:#131519;--card:#1b1e24;--ink:#e8eaee;--soft:#9ba4b1;--line:#2d323a;--faint:#23272e;--ref:#929cab;
    --cand:#7fa2ff;--good:#5cc48c;--good-soft:#16291f;--bad:#ff8a7a;--bad-soft:#331d1b;--open:#9ba4b1;
    --open-soft:#23272e}
}
*{box-sizing:border-box}
html{-webkit-text-size-adjust:100%}
body{margin:0;background:var(--page);color:var(--ink);font:15px/1.55 system-ui,-apple-system,"Segoe UI",Roboto,
  "PingFang SC","Hiragino Sans GB","Microsoft YaHei","Noto Sans CJK SC","Noto Sans SC",sans-serif;
  font-variant-numeric:tabular-nums}
main{max-width:1040px;margin:0 auto;padding:40px 24px 64px}
h1,h2,h3,p,dl,dd,table,figure{margin:0}
h1{font-size:28px;line-height:1.25;font-weight:650;letter-spacing:-.01em;overflow-wrap:anywhere}
h1 small{font-size:17px;font-weight:400;color:var(--soft);letter-spacing:0;display:block;margin-top:4px}
h2{font-size:18px;font-weight:650;margin-bottom:4px}
h2.spaced{margin-bottom:14px}
h3{font-size:15px;font-weight:650;margin:28px 0 4px}
.tight{margin:0 0 10px}
h3 .n{color:var(--soft);font-weight:400;margin-left:6px}
.eyebrow{color:var(--soft);font-size:13px;margin-bottom:6px}
.lede,.note{color:var(--soft);font-size:13.5px;max-width:78ch}
.lede{margin-bottom:18px}
.note{margin-top:14px}
header .lede{margin:8px 0 24px;max-width:none}
section{background:var(--card);border:1px solid var(--line);border-radius:12px;padding:24px;margin-top:16px}
.pair{display:grid;grid-template-columns:1fr 1fr;gap:32px}
.pair>*{min-width:0}
.pair.wide{grid-template-columns:minmax(0,3fr) minmax(0,2fr)}
.verdict{display:grid;grid-template-columns:minmax(0,5fr) minmax(0,6fr);gap:32px;align-items:center;border:0;
  background:var(--tone-soft)}
.passed{--tone:var(--good);--tone-soft:var(--good-soft)}
.failed{--tone:var(--bad);--tone-soft:var(--bad-soft)}
.open{--tone:var(--open);--tone-soft:var(--open-soft)}
.verdict h2{display:flex;align-items:center;gap:10px;font-size:22px;color:var(--tone)}
.verdict .sentence{font-size:16px;margin:6px 0 8px}
.verdict .lede{margin:0}
.verdict .note{margin-top:4px}
.sign{flex:none;width:26px;height:26px}
.sign circle{fill:var(--tone)}
.sign path{stroke:var(--tone-soft);stroke-width:2.4;fill:none;stroke-linecap:round;stroke-linejoin:round}
.tiles{display:grid;grid-template-columns:repeat(6,1fr);gap:1px;padding:0;overflow:hidden;
  background:var(--line)}
.tile{background:var(--card);padding:18px 16px 16px}
.tile dt{font-size:13px;color:var(--soft)}
.tile .big{font-size:23px;font-weight:650;letter-spacing:-.02em;white-space:nowrap;line-height:1.35}
.tile dd{font-size:13px;line-height:1.45}
.tile dd.was{color:var(--soft)}
.chart{display:block;width:100%;overflow:visible}
.chart.square{height:auto;aspect-ratio:1}
.chart text{font-size:12px;fill:var(--soft)}
.chart text.strong{fill:var(--ink);font-weight:600}
.chart text.halo{paint-order:stroke;stroke:var(--card);stroke-width:4px;stroke-linejoin:round}
.grid{stroke:var(--line)}
.verdict .grid{stroke:var(--tone);opacity:.18}
.zero{stroke:var(--soft)}
.allowed{fill:var(--tone);opacity:.1}
.budget{stroke:var(--tone);stroke-width:2;stroke-dasharray:4 3}
.range{stroke-width:3;stroke-linecap:round;opacity:.45}
.range.ref{stroke:var(--ref)}
.range.cand{stroke:var(--cand)}
.range.verdict{stroke:var(--tone);opacity:.6}
circle.ref{fill:var(--card);stroke:var(--ref);stroke-width:2.2}
circle.cand{fill:var(--cand)}
circle.verdict{fill:var(--tone);stroke:var(--card);stroke-width:2}
.join{stroke-width:2.5}
.join.loss{stroke:var(--bad)}
.join.gain{stroke:var(--good)}
rect.ref{fill:var(--ref)}
rect.cand{fill:var(--cand)}
rect.ref.other{opacity:.5}
rect.cand.other{opacity:.5}
.diagonal{stroke:var(--soft);stroke-dasharray:3 4}
.point{fill:var(--cand);opacity:.45}
.frame{border:1px solid var(--line);border-radius:6px;overflow:hidden}
figcaption{font-size:13px;color:var(--soft);margin-top:6px;text-align:center}
.key{display:flex;flex-wrap:wrap;gap:4px 18px;font-size:13px;color:var(--soft);margin-bottom:10px}
.key span{display:inline-flex;align-items:center;gap:7px}
.key svg{width:14px;height:14px;flex:none}
.rows{width:100%;border-collapse:collapse}
.rows th,.rows td{padding:3px 0;text-align:left;font-weight:400;vertical-align:middle}
.rows thead th{font-size:12.5px;color:var(--soft);padding-bottom:6px}
.rows .num{text-align:right;white-space:nowrap;padding-left:14px;line-height:1.35}
.rows .name{padding-right:16px;overflow-wrap:anywhere;line-height:1.3}
.rows td.plot{width:100%}
.rows .who{color:var(--soft);font-size:13.5px;padding-right:16px;white-space:nowrap}
.rows .lead th,.rows .lead td{padding-top:12px}
.rows .dim{color:var(--soft);font-size:13px}
.classes td.plot{width:46%;min-width:120px;padding-left:20px}
.classes thead th:nth-child(3){padding-left:20px}
.classes .name{min-width:min(26ch,34vw)}
.loss-text{color:var(--bad)}
.gain-text{color:var(--good)}
.matrix{border-collapse:separate;border-spacing:4px;width:100%;table-layout:fixed}
.matrix th{font-size:13px;font-weight:400;color:var(--soft);padding:2px 4px}
.matrix th[scope=row]{text-align:right;padding-right:8px}
.matrix td{text-align:center;border-radius:8px;padding:14px 6px;background:var(--faint)}
.matrix thead td{visibility:hidden}
.matrix td b{display:block;font-size:22px;font-weight:650;line-height:1.2}
.matrix td small{font-size:12.5px;color:var(--soft)}
.matrix .broke{background:var(--bad-soft)}
.matrix .broke b{color:var(--bad)}
.matrix .fixed{background:var(--good-soft)}
.matrix .fixed b{color:var(--good)}
.list{width:100%;border-collapse:collapse;font-size:14px}
.list th{font-size:12.5px;font-weight:400;color:var(--soft);text-align:left;padding:6px 12px 6px 0;
  border-bottom:1px solid var(--line);vertical-align:bottom}
.list td{padding:8px 12px 8px 0;border-bottom:1px solid var(--faint);vertical-align:top;overflow-wrap:anywhere}
.list tr:last-child td{border-bottom:0}
.list .num{text-align:right;white-space:nowrap;padding-right:0;padding-left:12px}
.list.fixed{table-layout:fixed}
.list.fixed th:nth-child(1){width:34%}
.list.fixed th:nth-child(2){width:16%}
.list.fixed th:nth-child(5){width:10%}
.list .score{color:var(--soft);white-space:nowrap;font-size:13px}
.list .right{color:var(--good)}
.list .wrong{color:var(--bad)}
.mark{display:inline-block;width:1.1em;font-weight:700}
details{margin-top:14px}
summary{cursor:pointer;color:var(--soft);font-size:14px;padding:4px 0}
.facts{display:grid;grid-template-columns:max-content 1fr;gap:6px 24px;font-size:14px}
.facts dt{color:var(--soft)}
.facts dd{overflow-wrap:anywhere}
code{font:12.5px/1.5 ui-monospace,SFMono-Regular,Menlo,Consolas,monospace}
footer{color:var(--soft);font-size:13px;margin-top:20px}
@media (max-width:860px){
  .tiles{grid-template-columns:repeat(3,1fr)}
  .verdict,.pair,.pair.wide{grid-template-columns:minmax(0,1fr);gap:24px}
}
@media (max-width:600px){
  main{padding:24px 12px 40px}
  section{padding:18px 16px}
  section.tiles{padding:0}
  h1{font-size:23px}
  h1 small{font-size:15px}
  .tiles{grid-template-columns:repeat(2,1fr)}
  .classes .f1,.classes .support{display:none}
  .classes{table-layout:fixed}
  .classes .name,.classes thead th:first-child{font-size:13.5px;min-width:0;width:42%}
  .classes td.plot{width:auto;padding-left:4px}
  .classes thead th:nth-child(3){padding-left:4px}
  .classes thead th:last-child{width:64px}
  .list:not(.plain) thead{display:none}
  .list:not(.plain) tr{display:block;padding:10px 0;border-bottom:1px solid var(--line)}
  .list:not(.plain) tr:last-child{border-bottom:0}
  .list:not(.plain) td{display:grid;grid-template-columns:84px 1fr;gap:10px;padding:2px 0;border:0}
  .list:not(.plain) td::before{content:attr(data-name);color:var(--soft);font-size:12.5px}
  .list:not(.plain) .num{text-align:left;padding-left:0}
  .facts{grid-template-columns:1fr;gap:0}
  .facts dd{margin-bottom:8px}
}
@media print{
  body{background:#fff}
  main{max-width:none;padding:0}
  section{break-inside:avoid}
}
"""
