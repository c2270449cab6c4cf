"""How the HTML report looks: one style sheet, with the colours of both schemes."""

_LIGHT = """
  --page: #f6f7f9; --card: #ffffff; --ink: #1b1f27; --soft: #5b6472; --rule: #e2e6ec; --band: #cfdcf2;
  --c0: #3566c9; --c1: #d9822b; --c2: #2a9d74; --c3: #8a5cc7; --c4: #c93a4b; --c5: #17899c; --c6: #8b7a2b;
  --c7: #1b1f27; --c8: #c93a4b;
"""
_DARK = """
  --page: #12151b; --card: #1b2029; --ink: #e8ebf0; --soft: #9aa5b5; --rule: #2d3440; --band: #34466b;
  --c0: #7aa2f2; --c1: #f0a35c; --c2: #55c79d; --c3: #b792ee; --c4: #ef7a87; --c5: #5cc3d4; --c6: #cbb95f;
  --c7: #e8ebf0; --c8: #ef7a87;
"""
_SERIES = "".join(
    f".s{n}{{fill:var(--c{n})}}.l{n}{{stroke:var(--c{n})}}.k{n}{{background:var(--c{n})}}\n" for n in range(9)
)

_SCHEMES = f":root{{{_LIGHT}}}\n@media (prefers-color-scheme: dark){{:root{{{_DARK}}}}}\n"
_PAGE = """
*{box-sizing:border-box}
body{margin:0;background:var(--page);color:var(--ink);font:15px/1.5 system-ui,-apple-system,"Segoe UI",sans-serif}
main{max-width:1060px;margin:0 auto;padding:28px 20px}
h1{font-size:28px;line-height:1.2;margin:0 0 4px;overflow-wrap:anywhere}
h2{font-size:19px;margin:0 0 10px}
h3{font-size:14px;margin:22px 0 8px;color:var(--soft);font-weight:600}
header p{margin:2px 0;color:var(--soft)}
.why{color:var(--ink)!important}
.badge{display:inline-block;font-size:13px;letter-spacing:.04em;padding:3px 10px;border-radius:99px;vertical-align:5px;
  color:var(--card);background:var(--soft)}
.badge.good{background:var(--c2)}
.badge.bad{background:var(--c4)}
.tiles{display:grid;grid-template-columns:repeat(auto-fit,minmax(175px,1fr));gap:12px;margin:20px 0}
.tile,section{background:var(--card);border:1px solid var(--rule);border-radius:10px}
.tile{padding:14px 16px}
.tile p{margin:0}
.name,.beside{color:var(--soft);font-size:13px}
.figure{font-size:25px;font-weight:650;line-height:1.3;font-variant-numeric:tabular-nums}
section{padding:20px 22px;margin:16px 0}
svg{display:block;width:100%;min-width:720px;height:auto;font-size:12px}
.label{fill:var(--ink);font-size:13px}
.minor,.tick{fill:var(--soft);font-size:12px}
.tick{paint-order:stroke;stroke:var(--card);stroke-width:4px}
.value{fill:var(--ink);font-size:13px}
.grid{stroke:var(--rule);stroke-width:1}
.mark{stroke:var(--soft);stroke-width:1;stroke-dasharray:2 4}
.line{fill:none;stroke-width:2;stroke-linejoin:round}
.thin{opacity:.55}
.band{fill:var(--band)}
.median{stroke:var(--ink);stroke-width:2}
.dot{stroke:var(--card);stroke-width:2}
.legend{list-style:none;display:flex;flex-wrap:wrap;gap:4px 18px;margin:0 0 6px;padding:0;font-size:13px;
  color:var(--soft)}
.key{display:inline-block;width:14px;height:4px;border-radius:2px;margin-right:6px;vertical-align:3px}
.scroll{overflow-x:auto}
table{border-collapse:collapse;width:100%;font-size:14px}
th{text-align:left;color:var(--soft);font-weight:600;font-size:13px}
th,td{padding:6px 14px 6px 0;border-bottom:1px solid var(--rule);vertical-align:top}
th{white-space:nowrap}
.long{overflow-wrap:anywhere}
tbody tr:last-child td{border-bottom:0}
.number{text-align:right;font-variant-numeric:tabular-nums;white-space:nowrap}
.note{color:var(--soft);font-size:13px;margin:8px 0}
details{margin-top:14px}
summary{cursor:pointer;color:var(--soft)}
@media (max-width:640px){main{padding:16px 10px}section{padding:14px 12px}.tile{padding:10px 12px}}
footer{max-width:1060px;margin:0 auto;padding:0 20px 32px;color:var(--soft);font-size:13px}
"""
STYLE = _SCHEMES + _PAGE + _SERIES
