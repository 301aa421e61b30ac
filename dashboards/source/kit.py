"""The parts that all dashboards are made of: colours, queries, panels, and their layout.

Panels are laid out in the order in which they are added, from left to right; a panel's id comes from its title, so that a
link to it outlives a panel that is added before it.

Grafana's own JSON Schema wants an object wherever an override or a matcher holds a value. Overrides are therefore kept to
colours and line styles, and select their series by `byNames`; a panel has one unit.
"""

import zlib

GREEN, YELLOW, ORANGE, RED = "green", "yellow", "orange", "red"
BLUE, PURPLE, GREY = "blue", "purple", "#8e9bae"

SOURCE = {"type": "prometheus", "uid": "${datasource}"}
GRAFANA = {"type": "grafana", "uid": "-- Grafana --"}

# What the gateway writes, by the tags that it writes (its annotations are the organisation's, found by tag).
ANNOTATIONS = [
    ("Pushes", BLUE, ["pushed"]),
    ("Deployments to staging", YELLOW, ["deploy-staging"]),
    ("Deployments to production", GREEN, ["deploy-production"]),
    ("Failed deployments to staging", ORANGE, ["deploy-failed-staging"]),
    ("Failed deployments to production", RED, ["deploy-failed-production"]),
    ("Reloads of the configuration", PURPLE, ["sluice-reload"]),
]

# ---------------------------------------------------------------------------------------------------------------- queries

TARGET = 'job=~"$job", instance=~"$instance"'


def select(metric, *matchers, handler=True):
    """A selector of what the variables have chosen."""
    route = ['handler_name=~"$handler"'] if handler else []
    return f"{metric}{{{', '.join([TARGET, *route, *matchers])}}}"


def same(label, value):
    return f'{label}="{value}"'


def differs(label, value):
    return f'{label}!="{value}"'


def like(label, pattern):
    return f'{label}=~"{pattern}"'


def unlike(label, pattern):
    return f'{label}!~"{pattern}"'


# The simulator's routes wait on purpose: where one figure stands for all routes, they would drown the others.
REAL = unlike("handler_name", "simulate-.*")


def rate(metric, *matchers, handler=True):
    return f"rate({select(metric, *matchers, handler=handler)}[$__rate_interval])"


def increase(metric, *matchers, handler=True):
    return f"increase({select(metric, *matchers, handler=handler)}[$__rate_interval])"


def over_range(per_second):
    """A rate, averaged over the time range, which may begin before there was such a series: that counts as 0.

    Grafana's windows of $__rate_interval are longer than its steps of $__interval by a scrape. So they touch, and each
    event counts once."""
    return f"sum_over_time(({per_second})[$__range:$__interval]) / scalar(count_over_time(vector(1)[$__range:$__interval]))"


def total(per_second):
    """What a rate comes to over the whole time range."""
    return f"{over_range(per_second)} * scalar(count_over_time(vector(1)[$__range:1m])) * 60"


def by(*labels):
    return f"sum by ({', '.join(labels)}) "


def quantile(q, metric, *matchers, labels=(), handler=True):
    return f"histogram_quantile({q}, {by('le', *labels)}({rate(metric + '_bucket', *matchers, handler=handler)}))"


def share(part, whole):
    """A ratio that is 0, and not NaN, while nothing happens."""
    return f"{part} / clamp_min({whole}, 1e-9)"


def query(expression, legend=""):
    return {"expr": expression, "legendFormat": legend}


def targets(queries, *, format="time_series", instant=False, interval=None):
    result = []
    for index, asked in enumerate(queries):
        target = {
            "refId": chr(ord("A") + index),
            "datasource": SOURCE,
            "editorMode": "code",
            "expr": asked["expr"],
            "legendFormat": asked["legendFormat"] or "__auto",
            "format": format,
            "instant": instant,
            "range": not instant,
            # Only a range query of a counter or a histogram has exemplars.
            "exemplar": not instant and "$__rate_interval]" in asked["expr"],
        }
        # Steps much longer than a scrape, or the windows that touch are hardly longer than their edges.
        interval_of = interval or ("1m" if "[$__range:" in asked["expr"] else None)
        if interval_of:
            target["interval"] = interval_of
        result.append(target)
    return result


# ----------------------------------------------------------------------------------------------------------------- panels


def steps(base, *more):
    """Thresholds: the colour from 0 on, then (from, colour)."""
    return [{"color": base, "value": 0}] + [{"color": color, "value": value} for value, color in more]


def values(**texts):
    """Mappings of numbers: _0=("Down", RED)."""
    options = {
        name.removeprefix("_"): {"text": text, "color": color, "index": index}
        for index, (name, (text, color)) in enumerate(texts.items())
    }
    return [{"type": "value", "options": options}]


def from_value(value, text, color):
    """A mapping of all numbers from a value on."""
    return [{"type": "range", "options": {"from": value, "to": 1e15, "result": {"text": text, "color": color, "index": 9}}}]


def colored(names, color):
    properties = [{"id": "color", "value": {"mode": "fixed", "fixedColor": color}}]
    return {"matcher": names_are(names), "properties": properties}


def dashed(names, color):
    """A limit: a thin dashed line without an area."""
    properties = [
        {"id": "color", "value": {"mode": "fixed", "fixedColor": color}},
        {"id": "custom.lineStyle", "value": {"fill": "dash", "dash": [8, 8]}},
    ]
    return {"matcher": names_are(names), "properties": properties}


def names_are(names):
    return {"id": "byNames", "options": {"mode": "include", "names": names}}


def explain(means, bad, do):
    return f"{means}\n\n**Bad:** {bad}\n\n**Do:** {do}"


def panel(kind, title, text, queries, unit, *, options, custom=None, color="palette-classic-by-name", thresholds=None, mappings=None,
          overrides=(), minimum=None, maximum=None, decimals=None, no_value=None, **more):
    defaults = {
        "unit": unit,
        "color": {"mode": "fixed", "fixedColor": color.removeprefix("fixed:")} if color.startswith("fixed:") else {"mode": color},
        "thresholds": {"mode": "absolute", "steps": thresholds or steps(GREEN)},
        "mappings": mappings or [],
    }
    for key, value in (("min", minimum), ("max", maximum), ("decimals", decimals), ("noValue", no_value)):
        if value is not None:
            defaults[key] = value
    if custom is not None:
        defaults["custom"] = custom
    return {
        "type": kind,
        "title": title,
        "description": explain(*text),
        "datasource": SOURCE,
        "targets": queries,
        "fieldConfig": {"defaults": defaults, "overrides": list(overrides)},
        "options": options,
        # Short steps where a figure is taken over the time range: what has just happened counts soon.
        **({"maxDataPoints": 1000} if any("[$__range:" in target["expr"] for target in queries) else {}),
        **more,
    }


def stat(title, text, queries, unit, thresholds=None, *, color=BLUE, mappings=None, decimals=None, instant=False, graph=True,
         calc="lastNotNull", background=False, no_value=None, names=False, interval=None):
    """One figure, coloured by its thresholds where it can be good or bad, and in one colour where it cannot."""
    return panel(
        "stat", title, text, targets(queries, instant=instant, interval=interval), unit,
        options={
            "graphMode": "area" if graph and not instant else "none",
            "colorMode": "background" if background else "value",
            "justifyMode": "auto",
            "textMode": "value_and_name" if names else "value",
            "wideLayout": True,
            "showPercentChange": False,
            "percentChangeColorMode": "standard",
            "orientation": "auto",
            "reduceOptions": {"calcs": [calc], "fields": "", "values": False},
        },
        color="thresholds" if thresholds else f"fixed:{color}",
        thresholds=thresholds or steps(color), mappings=mappings, decimals=decimals, no_value=no_value)


def timeseries(title, text, queries, unit, *, thresholds=None, stack=False, bars=False, steps_after=False,
               calcs=("lastNotNull", "max"), overrides=(), minimum=0, maximum=None, mappings=None, log=False, decimals=None,
               fill=None, interval=None, rare=False):
    """Lines, bars or areas over time. `rare` draws single points and joins them over gaps."""
    custom = {
        "drawStyle": "bars" if bars else "line",
        "lineInterpolation": "stepAfter" if steps_after else "linear",
        "lineWidth": 0 if bars else 1,
        "fillOpacity": fill if fill is not None else 80 if bars else 50 if stack else 8,
        "gradientMode": "none",
        "showPoints": "always" if rare else "never",
        "pointSize": 6,
        "spanNulls": rare,
        "stacking": {"mode": "normal" if stack else "none", "group": "A"},
        "scaleDistribution": {"type": "log", "log": 10} if log else {"type": "linear"},
        "thresholdsStyle": {"mode": "dashed" if thresholds else "off"},
    }
    return panel(
        "timeseries", title, text, targets(queries, interval=interval), unit, custom=custom,
        options={
            "legend": {
                "displayMode": "table" if calcs else "list", "placement": "bottom", "showLegend": True, "calcs": list(calcs),
                **({"sortBy": "Last *", "sortDesc": True} if "lastNotNull" in calcs else {}),
            },
            "tooltip": {"mode": "multi", "sort": "desc", "hideZeros": False},
        },
        thresholds=thresholds, overrides=overrides, minimum=minimum, maximum=maximum, mappings=mappings, decimals=decimals)


def heatmap(title, text, metric, *matchers, handler=True, unit="s", scheme="Oranges", interval=None):
    asked = f"sum by (le) ({increase(metric + '_bucket', *matchers, handler=handler)})"
    return panel(
        "heatmap", title, text,
        targets([query(asked, "{{le}}")], format="heatmap", interval=interval), unit,
        custom={"scaleDistribution": {"type": "linear"}, "hideFrom": {"tooltip": False, "legend": False, "viz": False}},
        options={
            "calculate": False,
            "color": {"mode": "scheme", "scheme": scheme, "fill": "dark-orange", "scale": "exponential", "exponent": 0.5,
                      "steps": 64, "reverse": False},
            "showValue": "never",
            "cellGap": 1,
            "cellValues": {"unit": "short", "decimals": 0},
            "rowsFrame": {"layout": "auto", "value": "Count"},
            "yAxis": {"unit": unit, "axisPlacement": "left", "reverse": False},
            "legend": {"show": True},
            "tooltip": {"mode": "single", "yHistogram": True, "showColorScale": False},
            "exemplars": {"color": "rgba(87, 148, 242, 0.9)"},
            "filterValues": {"le": 1e-9},
        },
        color="fixed:" + ORANGE)


def bargauge(title, text, queries, unit, *, color="thresholds", thresholds=None, instant=True, maximum=None, decimals=None,
             overrides=(), interval=None):
    return panel(
        "bargauge", title, text, targets(queries, instant=instant, interval=interval), unit,
        options={
            "displayMode": "gradient", "valueMode": "color", "namePlacement": "left", "showUnfilled": True, "sizing": "auto",
            "minVizWidth": 8, "minVizHeight": 16, "maxVizHeight": 40, "orientation": "horizontal",
            "legend": {"displayMode": "list", "placement": "bottom", "showLegend": False, "calcs": []},
            "reduceOptions": {"calcs": ["lastNotNull"], "fields": "", "values": False},
        },
        color=color, thresholds=thresholds, minimum=0, maximum=maximum, decimals=decimals, overrides=overrides)


def table(title, text, queries, unit, transformations, *, sort=None, decimals=None, thresholds=None, color="fixed:" + BLUE,
          no_value=None, interval=None):
    return panel(
        "table", title, text, targets(queries, format="table", instant=True, interval=interval), unit,
        custom={"align": "auto", "inspect": False, "filterable": False},
        options={
            "frameIndex": 0, "showHeader": True, "cellHeight": "sm",
            "footer": {"show": False, "reducer": ["sum"], "fields": []},
            **({"sortBy": [{"displayName": sort[0], "desc": sort[1]}]} if sort else {}),
        },
        color=color, thresholds=thresholds, decimals=decimals, no_value=no_value, transformations=transformations)


def state_timeline(title, text, queries, unit, *, mappings=None, color="thresholds", thresholds=None, merge=True,
                   show_value="auto", row_height=0.8, interval=None):
    return panel(
        "state-timeline", title, text, targets(queries, interval=interval), unit,
        custom={"fillOpacity": 75, "lineWidth": 1, "hideFrom": {"tooltip": False, "legend": False, "viz": False}},
        options={
            "showValue": show_value, "rowHeight": row_height, "mergeValues": merge, "alignValue": "left",
            "legend": {"displayMode": "list", "placement": "bottom", "showLegend": False, "calcs": []},
            "tooltip": {"mode": "single", "sort": "none"},
        },
        color=color, thresholds=thresholds, mappings=mappings)


def annotation_list(title, text, tags, limit=12):
    """What happened, in words: the only place where a commit's id can be read, for it is no label."""
    return {
        "type": "annolist",
        "title": title,
        "description": explain(*text),
        "fieldConfig": {"defaults": {}, "overrides": []},
        "options": {
            "onlyFromThisDashboard": False, "onlyInTimeRange": False, "tags": tags, "limit": limit, "showUser": False,
            "showTime": True, "showTags": True, "navigateToPanel": True, "navigateBefore": "30m", "navigateAfter": "30m",
        },
    }


# ------------------------------------------------------------------------------------------------------------- dashboards


def variable(name, label, asked, description):
    return {
        "type": "query",
        "name": name,
        "label": label,
        "description": description,
        "datasource": SOURCE,
        "query": asked,
        "refresh": 2,
        "sort": 1,
        "multi": True,
        "includeAll": True,
        "allValue": ".+",
        "current": {"selected": True, "text": ["All"], "value": ["$__all"]},
        "options": [],
        "hide": 0,
        "regex": "",
        "skipUrlSync": False,
    }


def target_variables(metric):
    return [
        {
            "type": "datasource",
            "name": "datasource",
            "label": "Data source",
            "description": "The Prometheus that scrapes the gateways.",
            "query": "prometheus",
            "refresh": 1,
            "regex": "",
            "multi": False,
            "includeAll": False,
            "current": {"selected": True, "text": "Prometheus", "value": "prometheus"},
            "options": [],
            "hide": 0,
            "skipUrlSync": False,
        },
        variable("job", "Job", f"label_values({metric}, job)", "The scrape job."),
        variable("instance", "Instance", f'label_values({metric}{{job=~"$job"}}, instance)', "One process."),
    ]


def handler_variable(metric):
    return variable("handler", "Handler", f"label_values({metric}{{{TARGET}}}, handler_name)", "One route.")


class Dashboard:
    WIDTH = 24

    def __init__(self, uid, title, description, variables, links, *, since, refresh="30s"):
        self.head = (uid, title, description)
        self.variables, self.links, self.since, self.refresh = variables, links, since, refresh
        self.panels = []
        self.x = self.y = self.height = 0

    def row(self, title):
        self._end_line()
        self._add({"type": "row", "title": title, "collapsed": False, "panels": []}, self.WIDTH, 1)
        self._end_line()

    def add(self, width, height, *panels):
        for each in panels:
            if self.x + width > self.WIDTH:
                self._end_line()
            self._add(each, width, height)

    def _add(self, each, width, height):
        if each["type"] == "timeseries" and width >= self.WIDTH // 2:
            # A wide panel has room beside its lines, and wants its height for them.
            each["options"]["legend"]["placement"] = "right"
        identity = zlib.crc32(f"{each['type'] == 'row'} {each['title']}".encode()) % 1_000_000 + 1
        position = {"x": self.x, "y": self.y, "w": width, "h": height}
        self.panels.append({"id": identity, **each, "gridPos": position})
        self.x += width
        self.height = max(self.height, height)

    def _end_line(self):
        self.y += self.height
        self.x = self.height = 0

    def json(self):
        uid, title, description = self.head
        return {
            "uid": uid,
            "title": title,
            "description": description,
            "tags": ["sluice"],
            "schemaVersion": 41,
            "version": 1,
            "editable": False,
            "graphTooltip": 1,
            "timezone": "browser",
            "weekStart": "",
            "fiscalYearStartMonth": 0,
            "liveNow": False,
            "preload": False,
            "refresh": self.refresh,
            "time": {"from": f"now-{self.since}", "to": "now"},
            "timepicker": {"refresh_intervals": ["5s", "10s", "30s", "1m", "5m", "15m", "1h"]},
            "links": [
                {
                    "type": "link", "title": title, "url": f"/d/{uid}", "tooltip": tooltip, "icon": "dashboard", "tags": [],
                    "asDropdown": False, "targetBlank": False, "includeVars": True, "keepTime": True,
                }
                for uid, title, tooltip in self.links
            ],
            "annotations": {
                "list": [
                    {
                        "builtIn": 1, "name": "Annotations & Alerts", "type": "dashboard", "datasource": GRAFANA, "enable": True,
                        "hide": True, "iconColor": "rgba(0, 211, 255, 1)",
                    }
                ]
                + [
                    {
                        "name": name, "datasource": GRAFANA, "enable": True, "hide": False, "iconColor": color,
                        "target": {"type": "tags", "tags": tags, "matchAny": False, "limit": 100},
                    }
                    for name, color, tags in ANNOTATIONS
                ]
            },
            "templating": {"list": self.variables},
            "panels": self.panels,
        }


LINKS = {
    "watermill": ("watermill", "Watermill", "The pipeline by Watermill's names"),
    "sluice-pipeline": ("sluice-pipeline", "Pipeline", "Every stage and policy, for those who tune them"),
    "webhooks": ("webhooks", "Deployments", "What went where and when"),
}


def links_of(uid):
    return [link for other, link in LINKS.items() if other != uid]
