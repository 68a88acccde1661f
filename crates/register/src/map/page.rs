//! 一张图 on screen: the page in which `atlas.js` draws. It holds every word and address that the scripts use.

use anlan_kernel::{Lang, Permission};
use anlan_web::{Site, Who, asset};
use maud::{Markup, html};
use serde::Serialize;
use serde_json::json;

use super::words;

/// The base map below the layers, where one is set and switched on.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Base {
    /// Template of the pictures' addresses with `{z}`, `{x}` and `{y}`.
    pub tiles: String,
    /// Whose map it is.
    pub attribution: String,
    /// 审图号.
    pub approval: String,
}

/// The page of the map.
pub fn page(site: &Site, who: &Who, base: Option<&Base>) -> Markup {
    let lang = who.lang;
    let title = lang.pick("一张图", "Map");
    let body = html! {
        link rel="stylesheet" href=(asset(site, "atlas.css"));
        main.atlas id="atlas" data-settings=(settings(site, who, base)) data-sheet="" {
            h1.unseen { (title) }
            div.atlas-sheet {
                (tools(lang, who.may(Permission::RunRound)))
                (side(lang, base.is_some()))
                (panel(lang))
            }
            (stage(lang))
            (tabs(lang))
            (time(lang))
            p.unseen role="status" data-atlas="status" {}
            (print_dialog(lang))
            (sheet(site, base, lang))
            script type="module" src=(asset(site, "atlas.js")) {}
        }
    };
    anlan_web::page(site, who, title, body)
}

fn settings(site: &Site, who: &Who, base: Option<&Base>) -> String {
    let api = |path: &str| site.url(&format!("/api/v1/map/{path}"));
    json!({
        "person": who.actor.name,
        "may_call": who.may(Permission::RunRound),
        "base": base,
        "urls": {
            "layers": api("layers"),
            "tile": api("{layer}/{z}/{x}/{y}.mvt"),
            "outlines": api("outlines"),
            "query": api("query"),
            "nearest": api("nearest"),
            "reach": api("reach"),
            "audience": api("audience"),
            "record": site.url("/records/{id}/drawer"),
        },
        "words": words::all(who.lang),
    })
    .to_string()
}

fn tools(lang: Lang, may_call: bool) -> Markup {
    let all = [
        ("call", "圈选叫应", "Draw and call"),
        ("circle", "圆形查询", "Circle"),
        ("polygon", "多边形查询", "Polygon"),
        ("corridor", "沿线查询", "Along a line"),
        ("nearest", "就近查找", "Nearest"),
        ("reach", "可达范围", "Reach"),
        ("length", "量距离", "Length"),
        ("area", "量面积", "Area"),
    ];
    html! {
        div.atlas-tools data-part="tools" {
            div.row role="toolbar" aria-label=(lang.pick("地图工具", "Map tools")) {
                @for (name, zh, en) in all {
                    @if name != "call" || may_call {
                        button.main[name == "call"] type="button" data-atlas="tool" value=(name) aria-pressed="false" { (lang.pick(zh, en)) }
                    }
                }
                span.gap {}
                button type="button" data-atlas="list" { (lang.pick("列出视野内", "List what is in view")) }
                button type="button" data-atlas="time-open" aria-expanded="false" { (lang.pick("时间", "Time")) }
                button type="button" data-atlas="print-open" { (lang.pick("打印", "Print")) }
                button type="button" data-atlas="link" { (lang.pick("复制链接", "Copy the link")) }
            }
        }
    }
}

fn number(tool: &str, name: &str, words: &str, (least, most, value): (u32, u32, u32)) -> Markup {
    html! {
        label data-for=(tool) hidden { (words) " "
            input.num type="number" data-option=(name) min=(least) max=(most) value=(value) step="any"; }
    }
}

/// What the chosen tool asks for, on the map itself.
fn options(lang: Lang) -> Markup {
    html! {
        form.atlas-options data-atlas="options" hidden {
            p data-atlas="hint" id="atlas-hint" {}
            (number("circle", "radius", lang.pick("半径（米）", "Radius (m)"), (1, 100_000, 500)))
            (number("corridor", "width", lang.pick("总宽（米）", "Whole width (m)"), (1, 20_000, 200)))
            label data-for="nearest" hidden { (lang.pick("找什么", "What")) " " select data-option="layer" data-atlas-layers {} }
            (number("nearest", "most", lang.pick("几个", "How many"), (1, 50, 5)))
            label data-for="reach" hidden { (lang.pick("从哪里出发", "From")) " "
                select data-option="origin" data-atlas-layers { option value="" { (lang.pick("图上点的地点", "the place clicked")) } } }
            label data-for="reach" hidden { (lang.pick("几分钟（可填几个）", "Minutes (several)")) " "
                input.num type="text" data-option="minutes" value="5, 10, 15" inputmode="decimal" size="9"; }
            label data-for="reach" hidden { (lang.pick("看覆盖哪些", "Covering")) " "
                select data-option="cover" data-atlas-layers { option value="" { (lang.pick("不看", "nothing")) } } }
            span.row {
                button.main type="button" data-atlas="finish" { (lang.pick("完成", "Done")) }
                button type="button" data-atlas="undo" { (lang.pick("撤一点", "Undo a point")) }
                button type="button" data-atlas="clear" { (lang.pick("清除", "Clear")) }
            }
        }
    }
}

fn side(lang: Lang, has_base: bool) -> Markup {
    html! {
        aside.atlas-side data-part="layers" aria-label=(lang.pick("图层", "Layers")) {
            h2 { (lang.pick("图层", "Layers")) }
            input type="search" data-atlas="search" placeholder=(lang.pick("找图层", "Find a layer")) aria-label=(lang.pick("找图层", "Find a layer"));
            @if has_base {
                label.check { input type="checkbox" checked data-atlas="base"; " " (lang.pick("底图", "Base map")) }
            }
            div.tree data-atlas="tree" {}
            p.note data-atlas="empty" hidden { (lang.pick("台账里还没有带位置的内容：先导入", "The register holds nothing with a place yet: import something first")) }
            (legend(lang))
        }
    }
}

fn legend(lang: Lang) -> Markup {
    html! {
        details.atlas-legend open {
            summary { (lang.pick("图例", "Legend")) }
            ul {
                li { @for (place, sign) in ["Ⅰ", "Ⅱ", "Ⅲ", "Ⅳ"].iter().enumerate() { span class=(format!("grade grade-{}", place + 1)) { (sign) } " " }
                    (lang.pick("级别，Ⅰ 最重", "grades, Ⅰ the gravest")) }
                li { span.bubble { "128" } " " (lang.pick("这一带的处数，点开放大；小标为其中最重一级", "how many lie around here, press to come closer; the small mark: the gravest of them")) }
                li { (lang.pick("未分级的按类别画形状和首字", "without a grade: the kind's own shape and first letter")) }
            }
        }
    }
}

fn panel(lang: Lang) -> Markup {
    html! {
        aside.atlas-panel data-part="panel" data-atlas="panel" aria-label=(lang.pick("结果", "Results")) hidden {
            header { h2 tabindex="-1" data-atlas="panel-title" {}
                button.quiet type="button" data-atlas="panel-close" aria-label=(lang.pick("关闭或返回", "Close or go back")) { "×" } }
            div data-atlas="answer" {}
            div data-atlas="card" hidden {}
        }
    }
}

fn stage(lang: Lang) -> Markup {
    let label = lang.pick(
        "示意图。方向键移动，加减号缩放，回车在十字处点选，退格撤一点，F 完成，Esc 取消；「列出视野内」给出同样内容的名单",
        "Sketch map. Arrows move, plus and minus zoom, Enter points at the cross, Backspace takes a point back, F is Done, Escape cancels; “List what is in view” gives the same as a list",
    );
    html! {
        div.atlas-stage {
            canvas data-atlas="map" tabindex="0" role="application" aria-label=(label) aria-describedby="atlas-hint" {}
            canvas.over data-atlas="over" aria-hidden="true" {}
            (options(lang))
            div.atlas-zoom {
                button type="button" data-atlas="in" data-key="+" aria-label=(lang.pick("放大", "Zoom in")) { "+" }
                button type="button" data-atlas="out" data-key="-" aria-label=(lang.pick("缩小", "Zoom out")) { "−" }
                button type="button" data-atlas="all" { (lang.pick("全区", "All")) }
            }
            p.stands data-atlas="stands" role="status" hidden {}
            p.wrong.trouble data-atlas="trouble" role="status" hidden { (lang.pick("部分内容没有读到，正在重试", "Part of the map could not be read; trying again")) }
            p.readout.num data-atlas="readout" aria-hidden="true" {}
            noscript { p.note { (lang.pick("未启用脚本：请用台账里的名单。", "Scripts are off: use the lists of the register.")) } }
        }
    }
}

/// On a telephone the parts lie in a sheet below the map, one at a time.
fn tabs(lang: Lang) -> Markup {
    let all = [("layers", "图层", "Layers"), ("tools", "工具", "Tools"), ("panel", "结果", "Results")];
    html! {
        nav.atlas-tabs aria-label=(lang.pick("地图部件", "Parts of the map")) {
            @for (part, zh, en) in all { button type="button" data-sheet-tab=(part) aria-expanded="false" { (lang.pick(zh, en)) } }
        }
    }
}

fn time(lang: Lang) -> Markup {
    let steps = [(-1440, "−1 天", "−1 d"), (-60, "−1 小时", "−1 h"), (60, "+1 小时", "+1 h"), (1440, "+1 天", "+1 d")];
    html! {
        section.atlas-time data-atlas="time" aria-label=(lang.pick("时间", "Time")) hidden {
            div.row {
                b.num data-atlas="time-words" {}
                @for (minutes, zh, en) in steps { button type="button" data-step=(minutes) { (lang.pick(zh, en)) } }
                label { span.unseen { (lang.pick("时刻", "Moment")) } input.num type="datetime-local" data-atlas="time-typed"; }
                button type="button" data-atlas="time-now" { (lang.pick("回到现在", "Back to now")) }
            }
            input type="range" step="10" data-atlas="time-slider" aria-label=(lang.pick("时刻：三十天前到现在", "Moment: from thirty days ago to now"));
        }
    }
}

fn print_dialog(lang: Lang) -> Markup {
    html! {
        dialog data-atlas="print" aria-labelledby="atlas-print-title" {
            h2 id="atlas-print-title" { (lang.pick("打印 A3 横幅", "Print on A3, landscape")) }
            form method="dialog" {
                label { (lang.pick("图名", "Title")) input type="text" data-atlas="print-title" maxlength="60" value=(lang.pick("一张图", "Map")); }
                div.row {
                    button.main type="submit" data-atlas="print-go" { (lang.pick("打印", "Print")) }
                    button type="button" data-close { (lang.pick("取消", "Cancel")) }
                }
            }
        }
    }
}

/// What is printed.
fn sheet(site: &Site, base: Option<&Base>, lang: Lang) -> Markup {
    html! {
        section.atlas-paper data-atlas="sheet" aria-hidden="true" {
            header { b.title data-atlas="sheet-title" {} span { (site.speaker) } }
            canvas data-atlas="sheet-map" width="1" height="1" {}
            ul data-atlas="sheet-legend" {}
            footer {
                span.grades { @for (class, sign, grade) in [("g1", "▲", "Ⅰ"), ("g2", "■", "Ⅱ"), ("g3", "◆", "Ⅲ"), ("g4", "●", "Ⅳ")] {
                    span { b class=(class) { (sign) } " " (grade) (lang.pick(" 级", "")) }
                } }
                span data-atlas="sheet-as-of" {}
                span { (lang.pick("示意图 · 坐标 WGS 84", "Sketch map · coordinates WGS 84"))
                    @if let Some(it) = base { " · " (it.attribution) " · " (it.approval) } }
            }
        }
    }
}
