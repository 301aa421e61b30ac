"""What went where and when, and how well: DORA's five figures, as docs/DEPLOYMENTS.md defines them.

A commit's id is no label, so versions are read from the annotations, which carry it; Prometheus tells when and how often.
Deployments are rare: what is asked of them is summed over the time range, or over hours."""

from kit import *

DEPLOYMENTS = "sluice_deployments_judged_total"
FAILURES = "sluice_deployment_failures_total"
ROLLOUTS = "sluice_rollouts_failed_total"
REWORK = "sluice_deployment_rework_total"
LEAD_TIME = "sluice_change_lead_time_seconds"
RECOVERY = "sluice_failed_deployment_recovery_seconds"
UNDEPLOYED = "sluice_commits_undeployed"
UNKNOWN = "sluice_deployments_unknown_ratio"
LAST = "sluice_last_deployment_timestamp_seconds"
AGE = "sluice_event_age_seconds"
HOUR, DAY = 3_600, 86_400

PLACE = ['service=~"$service"', 'environment=~"$environment"']
# What brings commits, and what goes back.
SHIPPING, ROLLBACK = 'kind=~"forward|hotfix"', same("kind", "rollback")
PUSHED = same("event_type", "commitPushed")
# Bars and dots stand for so much time at least: a day of them has room in a panel.
GRAIN = "5m"


def pace(metric, *matchers, of=("environment",)):
    return f"{by(*of)}({rate(metric, *PLACE, *matchers, handler=False)})"


def count(metric, *matchers, of=("environment",)):
    return f"{by(*of)}({increase(metric, *PLACE, *matchers, handler=False)})"


def quantile_of(q, buckets):
    return f"histogram_quantile({q}, {buckets})"


def buckets(metric, function):
    return function(metric + "_bucket", of=("le", "environment"))


def pushes(function):
    """Each sink's route sees every event once, so any one of them knows; one that is behind knows less."""
    return f"max(sum by (handler_name) ({function(AGE + '_count', PUSHED)}))"


def dashboard():
    board = Dashboard(
        "webhooks", "Deployments",
        "Which version of which service went where and when, how long it took from commit to production, and how well it went.",
        target_variables("sluice_build_info") + [
            variable("service", "Service", f"label_values({DEPLOYMENTS}{{{TARGET}}}, service)", "What was deployed."),
            variable("environment", "Environment", f"label_values({DEPLOYMENTS}{{{TARGET}}}, environment)", "Where to."),
            handler_variable(AGE + "_count"),
        ],
        links_of("webhooks"), since="24h")

    at_a_glance(board)
    where(board)
    timeline(board)
    lead_time(board)
    stability(board)
    freshness(board)
    return board


def at_a_glance(board):
    board.add(
        4, 5,
        stat(
            "Last deployment",
            ("How long ago something went live in each environment.",
             "longer than your team is used to: work piles up, and the next deployment will be a large one.",
             "see *What is where, since when?* for the service."),
            [query(f"time() - max by (environment) ({select(LAST, *PLACE, handler=False)})", "{{environment}}")], "s",
            names=True, instant=True, decimals=0),
        stat(
            "Deployment frequency",
            ("Deployments that bring commits, a day, over the time range. Counted ten minutes after the last fact about them.",
             "less than one a week to production: each one carries many changes.",
             "make them smaller. `sluice report deployments` tells how they are spread."),
            [query(f"{over_range(pace(DEPLOYMENTS, SHIPPING))} * {DAY}", "{{environment}}")], "none",
            steps(RED, (1 / 7, YELLOW), (1, GREEN)), names=True, instant=True, decimals=1),
        stat(
            "Change lead time",
            ("From a commit's making to its deployment: the median of the time range, over commits that are at most 60 days old.",
             "more than a week to production.",
             "see row Change lead time for where it goes: before staging, or after it."),
            [query(quantile_of(0.5, over_range(buckets(LEAD_TIME, pace))), "{{environment}}")], "s",
            steps(GREEN, (DAY, YELLOW), (7 * DAY, RED)), names=True, instant=True),
        stat(
            "Change fail rate",
            ("Deployments that got there and failed, of those that bring commits, over the time range: they were rolled back, a "
             "hotfix followed, or an incident opened. Failed rollouts are none of them.",
             "above 15 % in production; above 30 % people stop daring to deploy.",
             "see *Which service fails?*; `sluice report deployments` names the rule behind each."),
            [query(share(f"({over_range(pace(FAILURES))})", over_range(pace(DEPLOYMENTS, SHIPPING))), "{{environment}}")],
            "percentunit", steps(GREEN, (0.15, YELLOW), (0.3, RED)), names=True, instant=True, decimals=0),
        stat(
            "Failed deployment recovery time",
            ("From a failed deployment, or its incident's start, to its repair: the median of the time range. 0: nothing had to be "
             "repaired.",
             "more than an hour in production.",
             "practise the rollback: it should not wait for a fix."),
            [query(f"{quantile_of(0.5, over_range(buckets(RECOVERY, pace)))} >= 0 or {over_range(pace(RECOVERY + '_count'))} * 0",
                   "{{environment}}")],
            "s", steps(GREEN, (HOUR, YELLOW), (DAY, RED)), names=True, instant=True),
        stat(
            "Deployment rework rate",
            ("Hotfixes and rollbacks, of all deployments, over the time range.",
             "above 10 % in production: work that was not planned takes the place of work that was.",
             "look at what the failures have in common: *Which service fails?*."),
            [query(share(f"({over_range(pace(REWORK))})", over_range(pace(DEPLOYMENTS))), "{{environment}}")],
            "percentunit", steps(GREEN, (0.1, YELLOW), (0.25, RED)), names=True, instant=True, decimals=0),
    )


def where(board):
    board.row("Where")
    board.add(
        8, 10,
        table(
            "What is where, since when?",
            ("When each service last went live in each environment. The commits are in the lists beside it.",
             "an environment that is far behind the others, or a service that is not deployed any more.",
             "ask its team, or deploy what is on its main branch."),
            [query(f"max by (service, environment) ({select(LAST, *PLACE, handler=False)}) * 1000")],
            "dateTimeFromNow",
            [
                {
                    "id": "groupingToMatrix",
                    "options": {"columnField": "environment", "rowField": "service", "valueField": "Value",
                                "emptyValue": "null"},
                },
                {
                    "id": "organize",
                    "options": {"renameByName": {"service\\environment": "service"}},
                },
            ],
            sort=("service", False), no_value="never"),
        annotation_list(
            "Which versions went to production?",
            ("The last deployments to production, with their commits, services' repositories and times.",
             "a version here that should have been rolled back, or none for long.",
             "click one to look at the graphs half an hour around it."),
            ["deploy-production"]),
        annotation_list(
            "Which versions went to staging?",
            ("The last deployments to staging, with their commits.",
             "versions that wait here for long before they go to production.",
             "click one to look at the graphs half an hour around it."),
            ["deploy-staging"]),
    )
    board.add(
        24, 9,
        state_timeline(
            "Which deployment was live when?",
            ("A bar for each service and environment, and in it a piece for each deployment: it begins when Sluice heard of "
             "that deployment, is labelled with the deployment's own time, and lasts until the next one.",
             "a row that changes long after the others, or every few minutes.",
             "find its commit in the lists above by the time."),
            [query(f"max by (service, environment) ({select(LAST, *PLACE, handler=False)}) * 1000",
                   "{{service}} · {{environment}}")],
            "dateTimeAsSystem", color="continuous-blues"),
    )


def timeline(board):
    board.row("Timeline")
    board.add(
        16, 9,
        timeseries(
            "What happened when?",
            ("Pushes, deployments, rollbacks and failed rollouts, counted over at least five minutes; deployments ten minutes after "
             "the last fact about them.",
             "pushes without deployments after them: the pipeline between them stands still. Red and orange are failures.",
             "point at an annotation for the commit."),
            [query(pushes(increase), "pushed"),
             query(count(DEPLOYMENTS, SHIPPING), "deployed to {{environment}}"),
             query(count(DEPLOYMENTS, ROLLBACK), "rolled back in {{environment}}"),
             query(count(ROLLOUTS), "failed rollout in {{environment}}")],
            "short", stack=True, bars=True, calcs=("sum",), interval=GRAIN, decimals=0,
            overrides=[
                colored(["pushed"], BLUE), colored(["deployed to staging"], YELLOW), colored(["deployed to production"], GREEN),
                colored(["rolled back in staging", "failed rollout in staging"], ORANGE),
                colored(["rolled back in production", "failed rollout in production"], RED),
            ]),
    )
    board.add(
        8, 9,
        bargauge(
            "How often is each service deployed?",
            ("Deployment frequency: deployments that bring commits, a day, over the time range, by service and environment.",
             "one service that is deployed far less than the others, or less to production than to staging.",
             "ask its team what keeps it from deploying: usually tests, or fear."),
            [query(f"{over_range(pace(DEPLOYMENTS, SHIPPING, of=('service', 'environment')))} * {DAY}",
                   "{{service}} · {{environment}}")],
            "none", color=f"fixed:{GREEN}", decimals=1),
    )
    board.add(
        24, 8,
        state_timeline(
            "How did deployments end?",
            ("For each service and environment: whether anything went live, or failed to, in those minutes.",
             "red that no green follows: it never got there.",
             "look at the deploy tool; the commit is in *What failed last in production?*."),
            [query(
                f"({count(DEPLOYMENTS, of=('service', 'environment'))} > bool 0)"
                f" + 2 * ({count(ROLLOUTS, of=('service', 'environment'))} > bool 0)",
                "{{service}} · {{environment}}")],
            "none", interval=GRAIN, show_value="never", thresholds=steps("transparent", (1, GREEN), (2, RED), (3, ORANGE)),
            mappings=values(_0=("nothing deployed", "transparent"), _1=("deployed", GREEN), _2=("failed rollout", RED),
                            _3=("failed rollout, and deployed", ORANGE))),
    )


def lead_time(board):
    board.row("Change lead time")
    for environment in ("staging", "production"):
        where = same("environment", environment)
        board.add(
            8, 9,
            heatmap(
                f"How long from commit to {environment}?",
                (f"How the times from a commit's making to its deployment to {environment} are distributed.",
                 "a band that climbs, or a second one far above the first: some changes wait for something.",
                 "compare staging with production: what lies between them is the decision to go live."),
                LEAD_TIME, 'service=~"$service"', where, handler=False, scheme="Blues", interval=GRAIN),
        )
    board.add(
        8, 9,
        timeseries(
            "How long from commit to deployment?",
            ("Median and 95th percentile of the change lead time, by environment: a dot for each five minutes or more in which something was "
             "deployed.",
             "p95 above a week; p95 far from p50: some changes wait for something that the others do not.",
             "look for the large ones: old branches, reviews, releases at fixed dates."),
            [query(quantile_of(q, buckets(LEAD_TIME, count)), f"{{{{environment}}}} p{round(q * 100)}") for q in (0.5, 0.95)],
            "s", thresholds=steps(GREEN, (7 * DAY, RED)), rare=True, interval=GRAIN),
    )


def stability(board):
    board.row("Stability")
    place = ("service", "environment")
    board.add(
        8, 9,
        bargauge(
            "Which service fails?",
            ("Change fail rate: deployments that got there and failed, of those that bring commits, over the time range, by service "
             "and environment.",
             "above 15 % in production.",
             "`sluice report deployments --service` names each, and the rule behind it."),
            [query(share(f"({over_range(pace(FAILURES, of=place))})", over_range(pace(DEPLOYMENTS, SHIPPING, of=place))),
                   "{{service}} · {{environment}}")],
            "percentunit", thresholds=steps(GREEN, (0.15, YELLOW), (0.3, RED)), maximum=1, decimals=0),
        timeseries(
            "Where do deployments fail?",
            ("Deployments that failed, over at least five minutes, by service and environment; counted when that is known.",
             "several services at once: it is what they share, not what they changed.",
             "look at the platform first if so, else at the service's own commit."),
            [query(count(FAILURES, of=place), "{{service}} · {{environment}}")], "short", stack=True, bars=True,
            calcs=("sum",), interval=GRAIN, decimals=0),
        annotation_list(
            "What failed last in production?",
            ("The last rollouts to production that failed, with their commits.",
             "one that no deployment in *Which versions went to production?* follows.",
             "deploy again or roll back."),
            ["deploy-failed-production"]),
    )
    board.add(
        12, 8,
        timeseries(
            "How long does it take to recover?",
            ("Median and 95th percentile of the time from a failed deployment, or its incident's start, to its repair: a dot for each "
             "five minutes or more in which something was repaired.",
             "above an hour in production.",
             "roll back first, mend later."),
            [query(quantile_of(q, buckets(RECOVERY, count)), f"{{{{environment}}}} p{round(q * 100)}") for q in (0.5, 0.95)],
            "s", thresholds=steps(GREEN, (HOUR, RED)), rare=True, interval=GRAIN),
        heatmap(
            "How long does it take to recover? All failures",
            ("How the recovery times of failed deployments are distributed.",
             "anything above an hour.",
             "look those up by their annotations: what took so long?"),
            RECOVERY, *PLACE, handler=False, scheme="Reds", interval=GRAIN),
    )


def freshness(board):
    board.row("Freshness")
    board.add(
        8, 8,
        timeseries(
            "Is this dashboard up to date? Age of events",
            ("95th percentile of an event's age when a sink has taken it, by route.",
             "minutes: annotations and lists are that far behind.",
             "see rows Queue and Retry on the dashboard Pipeline."),
            [query(quantile(0.95, AGE, labels=["handler_name"]), "{{handler_name}}")], "s",
            thresholds=steps(GREEN, (300, RED))),
        timeseries(
            "Is this dashboard up to date? Events that wait",
            ("Events that each route has not delivered yet.",
             "anything but a short rise. The simulator's routes wait on purpose.",
             "see *Is the backlog draining?* on the dashboard Pipeline."),
            [query(
                f"{by('handler_name')}(max by (handler_name, topic, partition) ({select('sluice_consumer_lag_messages')}))",
                "{{handler_name}}")], "short", decimals=0),
        timeseries(
            "Which facts are not believed?",
            ("Events whose time cannot be (before 1990, or more than a day ahead), which no figure here counts.",
             "deployments by the hundred: a clock is wrong.",
             "set the clock of the machine that deploys (NTP)."),
            [query(f"{by('event_type')}({increase('sluice_implausible_times_total', same('handler_name', 'log-to-metrics'), handler=False)})",
                   "{{event_type}}")],
            "short", stack=True, bars=True, calcs=("sum",), interval=GRAIN, decimals=0),
    )
    board.add(
        12, 8,
        bargauge(
            "What waits for production?",
            ("Commits that an environment has and production has not, by service.",
             "more than a day's work: the next deployment to production will be a large one.",
             "deploy what is there. `sluice report deployments` lists the commits."),
            [query(f"max by (service, environment) ({select(UNDEPLOYED, *PLACE, handler=False)})", "{{service}} · {{environment}}")],
            "short", color=f"fixed:{BLUE}", decimals=0),
        bargauge(
            "Of how many deployments are the contents unknown?",
            ("The share of the last 30 days' deployments that bring commits, and of which not all of these are known.",
             "more than a few: lead times and verdicts are made from the rest.",
             "`sluice report deployments` says why: mostly webhooks that do not arrive, or a tool that sends no whole hashes."),
            [query(f"max by (service, environment) ({select(UNKNOWN, *PLACE, handler=False)})", "{{service}} · {{environment}}")],
            "percentunit", thresholds=steps(GREEN, (0.1, YELLOW), (0.5, RED)), maximum=1, decimals=0),
    )
