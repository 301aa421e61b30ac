/// The page's looks: light and dark, for screens from 360 pixels on and for paper.
enum ReportStyle {
    static let text = """
        :root{--paper:#fff;--ink:#1b2330;--soft:#5b6676;--line:#dfe4ea;--card:#f6f8fa;--base:#aab4c0;--forward:#3d7dd8;\
        --hotfix:#d98a1f;--rollback:#8a5bd0;--bad:#c8322b;--good:#1c7f45;--onbar:#fff}
        @media (prefers-color-scheme:dark){:root{--paper:#12161d;--ink:#e4e9f0;--soft:#98a4b4;--line:#2b333f;--card:#1a202a;\
        --base:#566273;--forward:#3f78c9;--hotfix:#b9741a;--rollback:#7d55bd;--bad:#f0736b;--good:#5cc689;--onbar:#fff}}
        *{box-sizing:border-box}
        body{margin:0 auto;max-width:1240px;padding:24px 20px 48px;background:var(--paper);color:var(--ink);\
        font:15px/1.45 system-ui,-apple-system,"Segoe UI",Roboto,"Noto Sans",sans-serif;-webkit-text-size-adjust:100%}
        h1{margin:0;font-size:28px}
        h2{margin:36px 0 8px;font-size:20px}
        h3{margin:0 0 10px;font-size:16px;overflow-wrap:anywhere}
        a{color:inherit}
        code{font:13px ui-monospace,SFMono-Regular,Menlo,Consolas,"DejaVu Sans Mono",monospace;overflow-wrap:anywhere}
        .sub,.note,.empty,footer{color:var(--soft);margin:4px 0 12px}
        footer{margin-top:40px;border-top:1px solid var(--line);padding-top:12px;font-size:13px}
        .env{display:inline-block;padding:0 7px;border:1px solid var(--line);border-radius:9px;color:var(--soft);font-size:12px;\
        font-weight:400;overflow-wrap:anywhere}
        .details{color:var(--soft);font-size:13px}
        .legend{color:var(--soft);font-size:13px;margin:0 0 10px;display:flex;flex-wrap:wrap;gap:2px 14px}
        .legend i{display:inline-block;width:22px;height:12px;border-radius:3px;vertical-align:-1px}
        .legend .x{position:static}
        .base{background:var(--base)}.forward{background:var(--forward)}.hotfix{background:var(--hotfix)}\
        .rollback{background:var(--rollback)}
        .failed{background-image:repeating-linear-gradient(45deg,transparent 0 5px,rgba(0,0,0,.28) 5px 8px);\
        box-shadow:inset 0 -4px 0 var(--bad)}
        .incident{background:var(--bad);opacity:.9}
        .x{color:var(--bad);font-weight:700}
        .row{display:grid;grid-template-columns:220px 1fr;gap:12px;align-items:center;padding:3px 0}
        .label{min-width:0;overflow-wrap:anywhere;font-size:14px}
        .track{position:relative;height:28px;background:var(--card);border-radius:4px;overflow:hidden}
        .track i{position:absolute;top:3px;height:22px;border-left:2px solid var(--paper);border-radius:3px;color:var(--onbar);\
        font:12px/22px ui-monospace,Menlo,Consolas,"DejaVu Sans Mono",monospace;padding:0 4px;overflow:hidden;white-space:nowrap;\
        text-overflow:ellipsis;min-width:3px}
        .track i:empty{padding:0}
        .track i.thin{border:0;border-radius:0;min-width:2px}
        .track i.incident{top:0;height:5px;min-width:4px;padding:0;border:0;border-radius:0}
        .track .x{position:absolute;top:-1px;transform:translateX(-50%);font-size:20px;line-height:28px;\
        text-shadow:0 0 3px var(--paper),0 0 3px var(--paper)}
        .axis .track{background:none;height:20px}
        .axis span{position:absolute;font-size:12px;color:var(--soft);border-left:1px solid var(--line);padding-left:4px}
        .card{background:var(--card);border:1px solid var(--line);border-radius:8px;padding:14px 16px 8px;margin:0 0 14px;\
        break-inside:avoid}
        .tiles{display:grid;grid-template-columns:repeat(5,1fr);gap:14px;align-items:start}
        .tile{min-width:0}
        .name{color:var(--soft);font-size:13px}
        .value{font-size:23px;font-weight:650;white-space:nowrap}
        .trend{white-space:nowrap;font-size:13px;font-weight:600;padding:1px 6px;border-radius:8px;border:1px solid currentColor;vertical-align:4px}
        .better{color:var(--good)}.worse{color:var(--bad)}.even{color:var(--soft)}
        .coverage{display:flex;height:6px;border-radius:3px;overflow:hidden;margin:12px 0 0;background:var(--line)}
        .coverage .known{background:var(--good)}.coverage .unknown{background:var(--hotfix)}
        .card>p.details{margin:6px 0 4px}
        .charts{display:grid;grid-template-columns:repeat(auto-fill,minmax(min(100%,380px),1fr));gap:16px}
        figure{margin:0;background:var(--card);border:1px solid var(--line);border-radius:8px;padding:12px 14px;break-inside:avoid}
        figcaption{margin-bottom:6px;overflow-wrap:anywhere}
        svg{display:block;width:calc(100% - 44px);height:210px;margin-left:44px;overflow:visible}
        svg .grid{stroke:var(--line)}
        svg .scale{fill:var(--soft);font-size:11px;text-anchor:end}
        svg circle{fill:var(--forward);fill-opacity:.55}
        svg line.median{stroke:var(--hotfix);stroke-width:2}
        svg text.median{fill:var(--ink);font-size:12px;font-weight:600;text-anchor:end;paint-order:stroke;stroke:var(--card);\
        stroke-width:4px}
        .days{margin-left:44px;display:flex;justify-content:space-between;color:var(--soft);font-size:12px;margin-top:4px}
        table{width:100%;border-collapse:collapse;font-size:14px}
        th{text-align:left;color:var(--soft);font-weight:600;font-size:13px;border-bottom:1px solid var(--line);padding:6px 10px 6px 0}
        td{vertical-align:top;padding:8px 10px 8px 0;border-bottom:1px solid var(--line);overflow-wrap:anywhere}
        td:first-child,td code{white-space:nowrap}
        .wide th:nth-child(5){width:15%}
        .wide th:nth-child(6){width:30%}
        .wide th:nth-child(7){width:20%}
        td ul{margin:4px 0 0;padding:0;list-style:none}
        td li{padding:1px 0}
        tr{break-inside:avoid}
        .kind{display:inline-block;white-space:nowrap;padding:0 7px;border-radius:9px;color:var(--onbar);font-size:12px}
        .kind.redeploy{background:none;color:var(--soft);border:1px solid var(--line)}
        .failure{color:var(--bad);font-weight:600}
        @media (max-width:760px){
        body{padding:16px 12px 32px}
        .row{grid-template-columns:1fr;gap:2px;padding:6px 0}
        .axis .label{display:none}
        .tiles{grid-template-columns:repeat(2,minmax(0,1fr))}
        .value{font-size:20px;white-space:normal}
        thead{display:none}
        table,tbody{display:block}
        tr{display:block;border-bottom:1px solid var(--line);padding:8px 0}
        td,td:first-child{display:grid;grid-template-columns:92px minmax(0,1fr);border:0;padding:2px 0;white-space:normal}
        td::before{content:attr(data-name);color:var(--soft);font-size:13px}
        td.none{display:none}
        }
        @media print{
        :root{--paper:#fff;--ink:#000;--soft:#444;--line:#ccc;--card:#fff;--bad:#b00020;--good:#116530}
        body{max-width:none;padding:0;font-size:12px}
        *{-webkit-print-color-adjust:exact;print-color-adjust:exact}
        h2{break-after:avoid}
        }
        """
}
