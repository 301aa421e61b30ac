"""What went where and when, and how well: deployments, lead time, failures, time to restore.

A commit's id is no label, so versions are read from the annotations, which carry it; Prometheus tells when and how often.
Deployments are rare: what is asked of them is summed over the time range, or over hours."""

from kit import *

DEPLOYMENTS = "sluice_deployments_total"
FAILURES = "sluice_change_failures_total"
LEAD_TIME = "sluice_deployment_lead_time_seconds"
RESTORE = "sluice_time_to_restore_seconds"
LAST = "sluice_last_deployment_timestamp_seconds"
AGE = "sluice_event_age_seconds"
HOUR, DAY = 3_600, 86_400

PLACE = ['service=~"$service"', 'environment=~"$environment"']
SUCCEEDED, FAILED = same("result", "success"), same("result", "failure")
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
            "Commits pushed",
            ("Commits that were pushed in the time range.",
             "0 while people work: webhooks do not arrive.",
             "look at the webhook's deliveries on GitHub, and at *What are webhooks answered?* on the dashboard Pipeline."),
            [query(total(pushes(rate)), "commits")], "short", instant=True, decimals=0),
        stat(
            "Deployments a day",
            ("Deployment frequency: deployments that succeeded, a day, over the time range.",
             "less than one a week to production: each one carries many changes.",
             "make them smaller. Once a day and more is what the best teams do."),
            [query(f"{over_range(pace(DEPLOYMENTS, SUCCEEDED))} * {DAY}", "{{environment}}")], "none",
            steps(RED, (1 / 7, YELLOW), (1, GREEN)), names=True, instant=True, decimals=1),
        stat(
            "Lead time",
            ("From a commit's push to its deployment: the median of the time range.",
             "more than a week to production.",
             "see row Lead time for where it goes: before staging, or after it."),
            [query(quantile_of(0.5, over_range(buckets(LEAD_TIME, pace))), "{{environment}}")], "s",
            steps(GREEN, (DAY, YELLOW), (7 * DAY, RED)), names=True, instant=True),
        stat(
            "Change failure rate",
            ("Deployments that failed, of all, over the time range.",
             "above 15 % in production; above 30 % people stop daring to deploy.",
             "see *Which service fails?*, and what failed in *What failed last in production?*."),
            [query(share(f"({over_range(pace(FAILURES))})", over_range(pace(DEPLOYMENTS))), "{{environment}}")], "percentunit",
            steps(GREEN, (0.15, YELLOW), (0.3, RED)), names=True, instant=True, decimals=0),
        stat(
            "Time to restore",
            ("From a failed deployment to the next one that succeeded: the median of the time range. 0: nothing had to be "
             "restored.",
             "more than an hour in production.",
             "practise the roll-back: it should not wait for a fix."),
            [query(f"{quantile_of(0.5, over_range(buckets(RESTORE, pace)))} >= 0 or {over_range(pace(RESTORE + '_count'))} * 0",
                   "{{environment}}")],
            "s", steps(GREEN, (HOUR, YELLOW), (DAY, RED)), names=True, instant=True),
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
            ("Pushes, deployments and failures, counted over at least five minutes.",
             "pushes without deployments after them: the pipeline between them stands still. Red and orange are failures.",
             "point at an annotation for the commit."),
            [query(pushes(increase), "pushed"),
             query(count(DEPLOYMENTS, SUCCEEDED), "deployed to {{environment}}"),
             query(count(DEPLOYMENTS, FAILED), "failed in {{environment}}")],
            "short", stack=True, bars=True, calcs=("sum",), interval=GRAIN, decimals=0,
            overrides=[
                colored(["pushed"], BLUE), colored(["deployed to staging"], YELLOW), colored(["deployed to production"], GREEN),
                colored(["failed in staging"], ORANGE), colored(["failed in production"], RED),
            ]),
    )
    board.add(
        8, 9,
        bargauge(
            "How often is each service deployed?",
            ("Deployment frequency: deployments that succeeded, a day, over the time range, by service and environment.",
             "one service that is deployed far less than the others, or less to production than to staging.",
             "ask its team what keeps it from deploying: usually tests, or fear."),
            [query(f"{over_range(pace(DEPLOYMENTS, SUCCEEDED, of=('service', 'environment')))} * {DAY}",
                   "{{service}} · {{environment}}")],
            "none", color=f"fixed:{GREEN}", decimals=1),
    )
    board.add(
        24, 8,
        state_timeline(
            "How did deployments end?",
            ("For each service and environment: whether deployments succeeded or failed in those minutes.",
             "red that no green follows: it is still broken.",
             "deploy the last good version again; its commit is in the lists above."),
            [query(
                f"({count(DEPLOYMENTS, SUCCEEDED, of=('service', 'environment'))} > bool 0)"
                f" + 2 * ({count(DEPLOYMENTS, FAILED, of=('service', 'environment'))} > bool 0)",
                "{{service}} · {{environment}}")],
            "none", interval=GRAIN, show_value="never", thresholds=steps("transparent", (1, GREEN), (2, RED), (3, ORANGE)),
            mappings=values(_0=("nothing deployed", "transparent"), _1=("deployed", GREEN), _2=("failed", RED),
                            _3=("failed and deployed", ORANGE))),
    )


def lead_time(board):
    board.row("Lead time")
    for environment in ("staging", "production"):
        where = same("environment", environment)
        board.add(
            8, 9,
            heatmap(
                f"How long from commit to {environment}?",
                (f"How the times from a commit's push to its deployment to {environment} are distributed.",
                 "a band that climbs, or a second one far above the first: some changes wait for something.",
                 "compare staging with production: what lies between them is the decision to go live."),
                LEAD_TIME, 'service=~"$service"', where, handler=False, scheme="Blues", interval=GRAIN),
        )
    board.add(
        8, 9,
        timeseries(
            "How long from commit to deployment?",
            ("Median and 90th percentile of the lead time, by environment: a dot for each five minutes or more in which something was "
             "deployed.",
             "p90 above a week; p90 far from p50: some changes wait for something that the others do not.",
             "look for the large ones: old branches, reviews, releases at fixed dates."),
            [query(quantile_of(q, buckets(LEAD_TIME, count)), f"{{{{environment}}}} p{int(q * 100)}") for q in (0.5, 0.9)],
            "s", thresholds=steps(GREEN, (7 * DAY, RED)), rare=True, interval=GRAIN),
    )


def stability(board):
    board.row("Stability")
    place = ("service", "environment")
    board.add(
        8, 9,
        bargauge(
            "Which service fails?",
            ("Change failure rate: deployments that failed, of all, over the time range, by service and environment.",
             "above 15 % in production.",
             "find its failures in the list beside it, and what they have in common."),
            [query(share(f"({over_range(pace(FAILURES, of=place))})", over_range(pace(DEPLOYMENTS, of=place))),
                   "{{service}} · {{environment}}")],
            "percentunit", thresholds=steps(GREEN, (0.15, YELLOW), (0.3, RED)), maximum=1, decimals=0),
        timeseries(
            "Where do deployments fail?",
            ("Deployments that failed, over at least five minutes, by service and environment.",
             "several services at once: it is what they share, not what they changed.",
             "look at the platform first if so, else at the service's own commit."),
            [query(count(FAILURES, of=place), "{{service}} · {{environment}}")], "short", stack=True, bars=True,
            calcs=("sum",), interval=GRAIN, decimals=0),
        annotation_list(
            "What failed last in production?",
            ("The last deployments to production that failed, with their commits.",
             "one that no deployment in *Which versions went to production?* follows.",
             "deploy again or roll back."),
            ["deploy-failed-production"]),
    )
    board.add(
        12, 8,
        timeseries(
            "How long does it take to restore?",
            ("Median and 90th percentile of the time from a failed deployment to the next that succeeded: a dot for each five "
             "minutes or more in which something was restored.",
             "above an hour in production.",
             "roll back first, mend later."),
            [query(quantile_of(q, buckets(RESTORE, count)), f"{{{{environment}}}} p{int(q * 100)}") for q in (0.5, 0.9)],
            "s", thresholds=steps(GREEN, (HOUR, RED)), rare=True, interval=GRAIN),
        heatmap(
            "How long does it take to restore? All failures",
            ("How the times to restore are distributed.",
             "anything above an hour.",
             "look those up by their annotations: what took so long?"),
            RESTORE, *PLACE, handler=False, scheme="Reds", interval=GRAIN),
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
            ("Events whose time cannot be (before 1990, or more than a day ahead), which no figure here counts, and deployments "
             "without a lead time, by the reason.",
             "deployments by the hundred: a clock is wrong, or a tool sends no whole hashes.",
             "set the clock of the machine that deploys (NTP), and send a commit's whole hash and its repository."),
            [query(f"{by('event_type')}({increase('sluice_implausible_times_total', same('handler_name', 'log-to-metrics'), handler=False)})",
                   "{{event_type}}"),
             query(f"{by('reason')}({increase('sluice_lead_times_left_out_total', handler=False)})", "no lead time: {{reason}}")],
            "short", stack=True, bars=True, calcs=("sum",), interval=GRAIN, decimals=0),
    )
