import DashboardModel

/// What concerns a dashboard as a whole.
extension DashboardCheck {
    func dashboardFindings(_ dashboard: Dashboard) -> [Finding] {
        var problems: [(Rule, String)] = []
        if dashboard.json["editable"] != false { problems.append((.uneditable, "it can be edited")) }
        problems += identity(dashboard).map { (.identity, $0) }
        problems += ids(dashboard).map { (.ids, $0) }
        problems += grid(dashboard).map { (.grid, $0) }
        problems += annotations(dashboard).map { (.annotations, $0) }
        problems += links(dashboard).map { (.links, $0) }
        return problems.map { Finding(rule: $0, place: dashboard.name, problem: $1) }
    }

    private func identity(_ dashboard: Dashboard) -> [String] {
        var problems: [String] = []
        if dashboard.uid.isEmpty || dashboard.title.isEmpty { problems.append("no uid or title") }
        if siblings.filter({ $0.uid == dashboard.uid && $0.name != dashboard.name }).isEmpty == false {
            problems.append("another dashboard has the same uid")
        }
        if !(39...41).contains(dashboard.json["schemaVersion"].integer ?? 0) {
            problems.append("schemaVersion is not 39 to 41")
        }
        // What is exported for sharing asks for its data source when it is imported; provisioning cannot ask.
        for key in ["__inputs", "__requires", "id"] where dashboard.json[key] != .null {
            problems.append("\(key) belongs to one Grafana only")
        }
        return problems
    }

    private func ids(_ dashboard: Dashboard) -> [String] {
        let ids = dashboard.everything.map { $0["id"].integer }
        let known = ids.compactMap(\.self)
        return (known.count < ids.count ? ["a panel without an id"] : [])
            + repeated(known).map { "the id \($0) more than once" }
    }

    private func grid(_ dashboard: Dashboard) -> [String] {
        struct Box {
            let title: String
            let x, y, w, h: Int

            func overlaps(_ other: Box) -> Bool {
                x < other.x + other.w && other.x < x + w && y < other.y + other.h && other.y < y + h
            }
        }
        var problems: [String] = []
        // The panels of a collapsed row have a place when it is opened, which is as if the others were not there.
        for level in [dashboard.json["panels"].elements]
            + dashboard.json["panels"].elements.map({ $0["panels"].elements })
        {
            var boxes: [Box] = []
            for panel in level {
                let (title, place) = (panel["title"].text ?? "?", panel["gridPos"])
                guard let x = place["x"].integer, let y = place["y"].integer, let w = place["w"].integer,
                    let h = place["h"].integer, x >= 0, y >= 0, w > 0, h > 0, x + w <= 24
                else {
                    problems.append("“\(title)” has no place within 24 columns")
                    continue
                }
                let box = Box(title: title, x: x, y: y, w: w, h: h)
                problems += boxes.filter(box.overlaps).map { "“\(title)” lies over “\($0.title)”" }
                boxes.append(box)
            }
        }
        return problems
    }

    private func annotations(_ dashboard: Dashboard) -> [String] {
        ["pushed", "deploy-staging", "deploy-production", "sluice-reload"].flatMap { tag -> [String] in
            let all = dashboard.json["annotations"]["list"].elements
            guard let one = all.first(where: { $0["target"]["tags"] == [.string(tag)] }) else {
                return ["no annotations with the tag \(tag)"]
            }
            let isWhole =
                one["datasource"] == ["type": "grafana", "uid": "-- Grafana --"] && one["enable"] == true
                && one["target"]["type"] == "tags" && one["target"]["matchAny"] == false
                && (one["target"]["limit"].integer ?? 0) > 0 && one["filter"] == .null
            return isWhole ? [] : ["the annotations with the tag \(tag) are not shown everywhere"]
        }
    }

    private func links(_ dashboard: Dashboard) -> [String] {
        let links = dashboard.json["links"].elements
        let missing = siblings.filter { sibling in
            sibling.uid != dashboard.uid && !links.contains { $0["url"].text == "/d/\(sibling.uid)" }
        }
        let broken = links.filter { link in
            guard let url = link["url"].text, url.hasPrefix("/d/") else { return false }
            return !siblings.contains { url == "/d/\($0.uid)" }
        }
        let forgetful = links.filter { $0["keepTime"] != true || $0["includeVars"] != true }
        return missing.map { "no link to \($0.title)" }
            + broken.map { "the link \($0["title"].text ?? "?") leads nowhere" }
            + forgetful.map { "the link \($0["title"].text ?? "?") forgets the time or the variables" }
    }

    func repeated<Value: Hashable & Comparable>(_ values: [Value]) -> [Value] {
        Dictionary(grouping: values, by: \.self).filter { $0.value.count > 1 }.keys.sorted()
    }
}
