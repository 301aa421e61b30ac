"""The pipeline stage by stage, for the SRE who tunes its policies: rows follow the message."""

from kit import *

SETTLED = "sluice_deliveries_total"
STAGE = "sluice_delivery_stage_seconds"
ATTEMPT = "sluice_handler_attempt_duration_seconds"
ATTEMPTS = "sluice_delivery_attempts"
LAG = "sluice_consumer_lag_messages"
SHELVED = "sluice_shelved_messages"
OLDEST = "sluice_oldest_pending_timestamp_seconds"
REQUESTS = "sluice_http_requests_total"
CLIENT = "sluice_http_client_requests_total"
DAY = 86_400

EACH_PARTITION = "max by (handler_name, topic, partition) "

OUTCOMES = [
    colored(["acked"], GREEN), colored(["deduplicated"], BLUE), colored(["discarded"], GREY), colored(["rejected"], ORANGE),
    colored(["poisoned"], RED), colored(["revoked"], PURPLE), colored(["handed_back"], YELLOW), colored(["filtered"], GREY),
]
STAGES = [
    colored(["handler"], GREEN), colored(["publish"], BLUE), colored(["queue"], YELLOW), colored(["throttle"], PURPLE),
    colored(["backoff"], RED), colored(["breaker"], GREY),
]
CODES = [
    colored(["200", "202", "204"], GREEN), colored(["400", "401", "403", "404", "405", "410", "413", "415"], YELLOW),
    colored(["429"], ORANGE), colored(["500", "502", "503", "504", "error"], RED),
]


def backlog(group, *matchers):
    """Each partition once: gateways that share a queue all tell its lag."""
    return f"{group}({EACH_PARTITION}({select(LAG, *matchers)}))"


def until_empty(*matchers):
    """Seconds until each route's backlog is gone at the pace of now; a day when it does not shrink. What a route does
    in 15 seconds is no backlog: it would come and go with every scrape."""
    group = by("handler_name")
    lag = backlog(group, *matchers)
    is_backlog = f"({lag} > bool 15 * {group}({rate(SETTLED, *matchers)}))"
    pace = f"{group}({EACH_PARTITION}(-deriv({select(LAG, *matchers)}[$__rate_interval])))"
    return f"clamp_max({lag} * {is_backlog} / clamp_min({pace}, 1e-9), {DAY})"


def age(metric, group, *matchers, handler=True):
    """Seconds since a moment; 0 where the gauge says that there is none."""
    moment = select(metric, *matchers, handler=handler)
    return f"{group}((time() - {moment}) * ({moment} > bool 0))"


def dashboard():
    board = Dashboard(
        "sluice-pipeline", "Pipeline",
        "What happens to a message between its arrival and its sinks, and what each policy does to it.",
        target_variables("sluice_build_info") + [handler_variable("sluice_messages_received_total")],
        links_of("sluice-pipeline"), since="1h")

    at_a_glance(board)
    ingest(board)
    queue(board)
    handlers(board)
    retry(board)
    throttle(board)
    poison(board)
    destinations(board)
    sinks(board)
    kafka(board)
    rabbitmq(board)
    configuration(board)
    journal(board)
    process(board)
    return board


def at_a_glance(board):
    board.add(
        3, 4,
        stat(
            "Gateways up",
            ("Targets that Prometheus could scrape last time, of those chosen above.",
             "fewer than you run. Red at 0: nothing here is measured any more.",
             "look at the process, its `/healthz`, and Prometheus's page /targets."),
            [query(f"sum({select('up', handler=False)})", "up")], "none", steps(RED, (1, GREEN)), decimals=0),
        stat(
            "Parts down",
            ("Parts that a gateway is not connected to: the queue, or a sink that last answered 5xx or not at all.",
             "anything but 0.",
             "see which in *Which part is down?*; `/readyz` says why. Nothing is lost meanwhile."),
            [query(f"sum(1 - {select('sluice_connection_up', handler=False)})", "down")], "none", steps(GREEN, (1, RED)),
            decimals=0),
        stat(
            "Delivered",
            ("Deliveries a second that ended well, all routes together.",
             "0 while there is a backlog.",
             "see *Is the backlog draining?* and *Where does the time go?*."),
            [query(f"sum({rate(SETTLED, same('outcome', 'acked'))})", "acked")], "ops", decimals=1),
        stat(
            "Successful",
            ("Deliveries that were neither rejected nor poisoned, of all that were settled. 100 % while there are none. Webhooks "
             "that are refused count as rejected.",
             "below 99 %.",
             "see *How do deliveries end?* for the outcome and *Which errors deserve a retry?* for the reason."),
            [query(
                "1 - " + share(f"sum({rate(SETTLED, like('outcome', 'rejected|poisoned'))})", f"sum({rate(SETTLED, unlike('outcome', 'revoked|handed_back'))})"),
                "successful")],
            "percentunit", steps(RED, (0.99, YELLOW), (0.999, GREEN))),
        stat(
            "Backlog",
            ("Messages that routes have not settled yet, summed over all routes but the simulator's, which wait on purpose.",
             "a figure that grows. How much is too much depends on the pace: the next two say how long it means.",
             "choose the routes that matter above; see *Is the backlog draining?*."),
            [query(backlog("sum", REAL), "messages")], "short", steps(GREEN, (100, YELLOW), (1_000, RED)), decimals=0),
        stat(
            "Oldest message",
            ("How long the oldest message that is not settled has been on the queue.",
             "minutes, on a route that has no reason to wait.",
             "see *How old is what waits?* for the route; one message that fails at its head can hold up a serial route."),
            [query(age(OLDEST, "max", REAL), "age")], "s", steps(GREEN, (60, YELLOW), (300, RED))),
        stat(
            "Backlog empty in",
            ("The backlog of the route that needs longest, divided by the pace at which it shrinks.",
             "*not draining*: it stands still or grows.",
             "see *When will the backlog be empty?* for the route."),
            [query(f"max({until_empty(REAL)})", "left")], "s", steps(GREEN, (600, YELLOW), (3_600, RED)),
            mappings=values(_0=("empty", GREEN)) + from_value(DAY, "not draining", RED)),
        stat(
            "Poisoned messages",
            ("Messages that lie in a poison queue, because they can never be delivered as they are.",
             "anything but 0: each is a message that was not delivered.",
             "see *Why are messages poisoned?* and *How much is in the poison queue?*."),
            [query(f"sum(max by (topic) ({select('sluice_poison_queue_messages', handler=False)}))", "messages")], "none",
            steps(GREEN, (1, RED)), decimals=0),
    )


def ingest(board):
    board.row("Ingest")
    board.add(
        8, 8,
        timeseries(
            "What are webhooks answered?",
            ("Requests answered a second, by status. 202 means that the events are durable.",
             "401: a sender's secret is wrong. 400 and 413: bodies that are not what they should be. 503: the gateway is full.",
             "for 401 compare GITHUB_WEBHOOK_SECRET and DEPLOYMENTS_TOKEN with the sender's; for 503 see row Queue."),
            [query(f"{by('code')}({rate(REQUESTS, handler=False)})", "{{code}}")], "reqps", stack=True, overrides=CODES),
        timeseries(
            "Which webhooks are refused?",
            ("Requests answered with 4xx or 5xx, of all, by path.",
             "above a few percent on a path that you publish. Scanners end up in `unmatched`.",
             "the log has a line with the reason for each message that was refused."),
            [query(
                share(f"{by('route')}({rate(REQUESTS, like('code', '[45]..'), handler=False)})",
                      f"{by('route')}({rate(REQUESTS, handler=False)})"),
                "{{route}}")],
            "percentunit", thresholds=steps(GREEN, (0.05, RED)), maximum=1),
        timeseries(
            "How fast are webhooks answered?",
            ("99th percentile of the time from a request's head to its answer, by path.",
             "near 10 s: GitHub gives up there, and never sends the webhook again by itself.",
             "the answer waits for the queue's fsync: see *Where does the time go?* for the route that takes it in."),
            [query(quantile(0.99, "sluice_http_request_duration_seconds", labels=["route"], handler=False), "{{route}}")],
            "s", thresholds=steps(GREEN, (1, YELLOW), (5, RED))),
    )
    board.add(
        8, 8,
        heatmap(
            "How fast are webhooks answered? All requests",
            ("How the times of requests are distributed: darker where more requests were.",
             "a band that climbs: the disk or the machine is at its limit.",
             "look at the disk; commits share their fsync, so more load alone does not slow them."),
            "sluice_http_request_duration_seconds", handler=False),
        timeseries(
            "Which webhooks give no event?",
            ("Webhooks accepted and ignored a second, by the kind that GitHub names.",
             "many of one kind: GitHub is set up to send what is not read here. `push` here means pushes without commits.",
             "deselect the kind in the webhook's settings."),
            [query(f"{by('event')}({rate('sluice_webhooks_ignored_total', handler=False)})", "{{event}}")], "reqps", stack=True),
        state_timeline(
            "Which endpoints take unsigned requests?",
            ("Whether a path is without a secret or token: it takes what comes straight from its own machine, and everything with "
             "SLUICE_ALLOW_UNSIGNED.",
             "a path that others can reach through a proxy which adds no header: nothing tells its requests from local ones.",
             "set GITHUB_WEBHOOK_SECRET and DEPLOYMENTS_TOKEN."),
            [query(f"max by (route) ({select('sluice_http_endpoint_unsigned', handler=False)})", "{{route}}")], "none",
            mappings=values(_0=("signed", GREEN), _1=("unsigned", YELLOW)), thresholds=steps(GREEN, (1, YELLOW)),
            show_value="never"),
    )


def queue(board):
    board.row("Queue")
    board.add(
        8, 8,
        timeseries(
            "Is the backlog draining?",
            ("Messages that each route has not settled yet, and how many of them are put aside because one of their key fails "
             "and holds them up.",
             "a line that climbs steadily: the route is slower than what arrives. A level line above 0: it is stuck, or what "
             "is left is all put aside: then one repository's messages fail, and the others go on.",
             "climbing: see *Where does the time go?* for that route. Level: read its errors in the log."),
            [
                query(backlog(by("handler_name")), "{{handler_name}}"),
                query(f"{by('handler_name')}(max by (handler_name, topic) ({select(SHELVED)}))", "{{handler_name}} put aside"),
            ], "short", decimals=0),
        timeseries(
            "When will the backlog be empty?",
            ("Each route's backlog divided by the pace at which it shrinks. A whole day means that it does not shrink; what a "
             "route does in 15 seconds counts as empty.",
             "more than an hour.",
             "add capacity (another process on a shared queue, a looser order, a higher throttle), or wait for the sink."),
            [query(until_empty(REAL), "{{handler_name}}")], "s", maximum=DAY,
            thresholds=steps(GREEN, (3_600, RED)),
            mappings=values(_0=("empty", GREEN)) + from_value(DAY, "not draining", RED)),
        timeseries(
            "How old is what waits?",
            ("How long each route's oldest unsettled message has been on the queue.",
             "a line that climbs second by second: nothing at all leaves the route.",
             "the message at its head fails or is held: the log's warnings name it."),
            [query(age(OLDEST, "max by (handler_name) "), "{{handler_name}}")], "s", thresholds=steps(GREEN, (300, RED))),
        timeseries(
            "Does what leaves keep up with what arrives?",
            ("Deliveries taken in and settled a second, all routes together.",
             "settled below taken in for long.",
             "see *Are routes at their limit?*."),
            [query(f"sum({rate('sluice_messages_received_total')})", "taken in"), query(f"sum({rate(SETTLED)})", "settled")],
            "ops", overrides=[colored(["taken in"], BLUE), colored(["settled"], GREEN)]),
        timeseries(
            "Are routes at their limit?",
            ("Workers that have a delivery in hand, of those that the route's order allows: time in all stages but the queue.",
             "100 % for long, with a backlog: the order is what limits the route. The simulator's routes wait in hand.",
             "loosen the order (per key, or more lanes), speed up the handler, or see rows Retry and Throttle for the waits."),
            [query(
                f"{by('handler_name')}({rate(STAGE + '_sum', differs('stage', 'queue'))})"
                f" / {by('handler_name')}({select('sluice_deliveries_in_flight_limit')})", "{{handler_name}}")],
            "percentunit", thresholds=steps(GREEN, (0.95, YELLOW))),
        timeseries(
            "What comes back?",
            ("Deliveries a second that were not the message's first.",
             "more than a few: messages are rejected, or the process that had them died.",
             "see *How do deliveries end?* for rejections; redelivery is paced, so it never gets hot."),
            [query(f"{by('handler_name')}({rate('sluice_redeliveries_total')})", "{{handler_name}}")], "ops"),
    )
    board.add(
        12, 8,
        timeseries(
            "What waits for readers that are gone?",
            ("Messages that wait in groups of the embedded log which no route and no process reads, and how many such groups "
             "there are.",
             "anything but 0, for long: EVENT_RETENTION deletes nothing that they wait for until GROUP_RETENTION is over.",
             "`sluice groups list` names them; `sluice groups remove` forgets one, `sluice groups seek` moves it."),
            [query(f"sum by (instance) ({select('sluice_idle_group_messages', handler=False)})", "{{instance}}"),
             query(f"sum by (instance) ({select('sluice_idle_groups', handler=False)})", "{{instance}}, groups")], "short",
            thresholds=steps(GREEN, (1, YELLOW)), steps_after=True, decimals=0),
        state_timeline(
            "Is the clock believed?",
            ("Whether the machine's clock agrees with the time that has run, and with the newest message.",
             "a red stretch: retention deletes nothing by age meanwhile.",
             "compare `date` with another machine's, and mend the clock (NTP); `/readyz` says what disagrees."),
            [query(f"max by (instance) ({select('sluice_clock_doubted', handler=False)})", "{{instance}}")], "none",
            mappings=values(_0=("believed", GREEN), _1=("in doubt", RED)), thresholds=steps(GREEN, (1, RED)),
            show_value="never"),
    )


def handlers(board):
    board.row("Handlers")
    per_delivery = f"sum({rate(SETTLED)})"
    board.add(
        12, 9,
        timeseries(
            "Where does the time go?",
            ("The time of an average delivery, by stage. The stages add up to its whole time.",
             "a stage that is most of it: *queue* waits for a worker, *throttle* for a permit, *backoff* for the next attempt, "
             "*breaker* for a destination that is given a rest, *publish* for the sink.",
             "go to that stage's row. The handler's own time is rarely the largest; then there is nothing to gain here."),
            [query(f"{by('stage')}({rate(STAGE + '_sum')}) / on () group_left () clamp_min({per_delivery}, 1e-9)", "{{stage}}")],
            "s", stack=True, overrides=STAGES),
        timeseries(
            "How do deliveries end?",
            ("Deliveries settled a second, by outcome.",
             "orange (rejected: they come back) and red (poisoned: they do not). Purple (revoked) went to another process "
             "unhandled, as they do when a Kafka group changes; yellow (handed_back) wait behind one of their key that fails.",
             "see rows Retry and Poison for the reasons."),
            [query(f"{by('outcome')}({rate(SETTLED)})", "{{outcome}}")], "ops", stack=True, overrides=OUTCOMES),
        timeseries(
            "Did a deployment cause it? Attempts that fail",
            ("Attempts that ended with an error, of all, by route. Vertical lines are pushes and deployments.",
             "a step up that begins at a line.",
             "roll that deployment back first, and ask why later; the dashboard Deployments has its commit."),
            [query(
                share(f"{by('handler_name')}({rate(ATTEMPT + '_count', same('result', 'failure'))})",
                      f"{by('handler_name')}({rate(ATTEMPT + '_count')})"),
                "{{handler_name}}")],
            "percentunit", thresholds=steps(GREEN, (0.05, RED)), maximum=1),
        timeseries(
            "How long does an attempt take?",
            ("95th percentile of an attempt: the handler, and the publish of what it returned.",
             "a step up that stays, or a line near the route's timeout (60 s at the gateway's sinks).",
             "compare with the sink's own time in row Sinks: what is left is ours."),
            [query(quantile(0.95, ATTEMPT, labels=["handler_name"]), "{{handler_name}}")], "s", log=True, minimum=None),
    )
    board.add(
        24, 8,
        heatmap(
            "How long does an attempt take? All attempts",
            ("How the times of attempts are distributed.",
             "a second band far above the first: some messages wait for something that the others do not.",
             "point at a mark to read the message's correlation id, and follow it in the log."),
            ATTEMPT),
    )


def retry(board):
    board.row("Retry")

    def acked(bound):
        return f"sum({rate(ATTEMPTS + '_bucket', same('outcome', 'acked'), same('le', bound))})"

    bounds = ["1.0", "2.0", "3.0", "4.0", "5.0", "8.0", "13.0", "+Inf"]
    names = ["2nd attempt", "3rd attempt", "4th attempt", "5th attempt", "6th to 8th", "9th to 13th", "14th and later"]
    retried, gave_up = "sluice_retries_total", "sluice_retries_exhausted_total"
    board.add(
        8, 9,
        bargauge(
            "Do retries help? Deliveries saved by each attempt",
            ("Deliveries that were acknowledged at that attempt and would have failed without it, over the time range: the "
             "differences between neighbouring buckets of the attempts.",
             "bars of 0 from some attempt on: what has not worked by then does not work later.",
             "cut the maximum of attempts to the last bar that is worth its load."),
            [query(f"clamp_min({total(f'{acked(high)} - {acked(low)}')}, 0)", name)
             for low, high, name in zip(bounds, bounds[1:], names)],
            "short", color="fixed:" + GREEN, decimals=0),
        timeseries(
            "Do retries make an outage worse? Attempts per delivery",
            ("Attempts that a delivery takes on average, beside the most that Retry makes (dashed).",
             "near the maximum for long: each message hits the sink that often, just when it is down.",
             "lower the maximum or the budget; see the budget beside it."),
            [query(
                share(f"{by('handler_name')}({rate(ATTEMPTS + '_sum')})", f"{by('handler_name')}({rate(ATTEMPTS + '_count')})"),
                "{{handler_name}}"),
             query(f"max({select('sluice_retry_max_attempts')})", "most that Retry makes")],
            "none", decimals=1, overrides=[dashed(["most that Retry makes"], RED)]),
        timeseries(
            "Do retries make an outage worse? Budget left",
            ("Share of each destination's retry budget that is left, which retries and redeliveries share. First attempts and "
             "time fill it, attempts that fail use it up.",
             "0: messages wait in line, and one a second is tried again. That protects a sink that is down.",
             "nothing while the sink is down. If it is up, the budget is too small for its normal rate of errors."),
            [query(f"min by (destination) ({select('sluice_destination_budget_remaining_ratio', handler=False)})",
                   "{{destination}}")],
            "percentunit", maximum=1, thresholds=steps(RED, (0.2, GREEN))),
    )
    board.add(
        12, 8,
        timeseries(
            "Do retries make an outage worse? Attempts per message",
            ("How many attempts a destination gets for each distinct message, over 5 minutes: 1 is perfect, 0 is no attempt.",
             "far above 1 for long: most of what the destination gets is tried again, just when it is in trouble.",
             "see *Do retries make an outage worse? Budget left*; a smaller share or floor lowers it."),
            [query(f"max by (destination) ({select('sluice_destination_amplification_ratio', handler=False)})",
                   "{{destination}}")],
            "none", decimals=1, thresholds=steps(GREEN, (3, RED))),
        timeseries(
            "Who waits for the next attempt?",
            ("Messages that wait for their next attempt at a destination: after a failure, at its gate, in line for its "
             "budget. What is queued behind them is not counted.",
             "many, for long: the destination fails, or names long times.",
             "`/readyz` says why and until when; see row Sinks for what it answers."),
            [query(f"sum by (destination) ({select('sluice_destination_waiting', handler=False)})", "{{destination}}")],
            "short", decimals=0, thresholds=steps(GREEN, (100, ORANGE))),
    )
    board.add(
        8, 9,
        table(
            "Which errors deserve a retry?",
            ("By reason, over the time range: attempts that it made necessary, and deliveries that Retry gave up on after it.",
             "a reason that is given up on about as often as it is retried: retrying it is in vain. `budget` is Retry refusing.",
             "give such errors the disposition poison or discard; keep retrying what passes."),
            [query(total(f"{by('reason')}({rate(retried)})"), "retried"),
             query(total(f"{by('reason')}({rate(gave_up)})"), "gave up")],
            "short",
            [
                {"id": "merge", "options": {}},
                {
                    "id": "organize",
                    "options": {
                        "excludeByName": {"Time": True},
                        "indexByName": {"reason": 0, "Value #A": 1, "Value #B": 2},
                        "renameByName": {"reason": "Reason", "Value #A": "Retried", "Value #B": "Gave up"},
                    },
                },
            ],
            sort=("Retried", True), decimals=0),
        timeseries(
            "Which errors deserve a retry? Over time",
            ("Retries a second by reason, and the deliveries that Retry gave up on (dashed).",
             "one reason that grows while the others do not: one fault, not load.",
             "look the reason up in the log of the route that has it."),
            [query(f"{by('reason')}({rate(retried)})", "{{reason}}"),
             query(f"sum({rate(gave_up)})", "given up on, all reasons")],
            "ops", overrides=[dashed(["given up on, all reasons"], RED)]),
        timeseries(
            "Is the back-off too long? Workers asleep",
            ("Workers that wait for their next attempt, on average: seconds of back-off begun a second.",
             "as many as the route has workers (its limit in *Are routes at their limit?*): none is left to work.",
             "shorten the longest wait, or reject sooner and let the queue redeliver."),
            [query(f"{by('handler_name')}({rate('sluice_retry_backoff_seconds_sum')})", "{{handler_name}}")],
            "none", decimals=2),
    )
    board.add(
        24, 8,
        heatmap(
            "Is the back-off too long? Age of events when they arrive",
            ("How old events are when a sink has taken them.",
             "a band above the normal one after an outage has ended: events are still asleep although the sink is well.",
             "shorten the longest wait. What is old without an outage was old when it came: deployments reported late."),
            "sluice_event_age_seconds"),
    )


def throttle(board):
    board.row("Throttle")
    permits = "sluice_throttle_permits_per_second"
    throttle = same("limit", "throttle")
    board.add(
        8, 8,
        timeseries(
            "Is the throttle too low? Wait for a permit",
            ("Percentiles of the wait for a permit.",
             "p95 of many seconds while the sink answers quickly and without 429.",
             "raise the rate towards what the sink allows; Slack allows one message a second."),
            [query(quantile(q, "sluice_destination_limit_wait_seconds", throttle, handler=False), f"p{int(q * 100)}")
             for q in (0.5, 0.95)],
            "s", thresholds=steps(GREEN, (30, RED))),
        timeseries(
            "Is the throttle too low? Permits used",
            ("Permits taken a second, of those given.",
             "100 % for long, with a backlog beside it.",
             "raise the rate, or the burst if the load comes in bursts."),
            [query(
                f"{by('destination')}({rate('sluice_destination_limit_wait_seconds_count', throttle, handler=False)}) / "
                f"{by('destination')}({select('sluice_destination_throttle_permits_per_second', handler=False)} > 0)",
                "{{destination}}")],
            "percentunit", thresholds=steps(GREEN, (0.95, RED))),
        timeseries(
            "Is the throttle too low? Waiting, and behind them",
            ("Messages that wait for a permit now, beside the backlog of the routes that have a throttle.",
             "a backlog that grows while messages always wait: the throttle is what limits the route.",
             "raise the rate if the sink allows it; else accept the delay."),
            [query(f"{by('handler_name')}({select('sluice_throttle_waiting')})", "{{handler_name}} waiting"),
             query(f"{backlog(by('handler_name'))} and on (handler_name) {select(permits)}", "{{handler_name}} backlog")],
            "short", decimals=0),
    )
    board.add(
        12, 8,
        timeseries(
            "Is the throttle too high? The sink's 429s",
            ("Answers 429 (too many requests) a second, by sink.",
             "any that keep coming: the sink is asked faster than it allows.",
             "lower the rate. Retry-After is kept meanwhile, so each one delays the whole route."),
            [query(f"{by('target')}({rate(CLIENT, same('code', '429'), handler=False)})", "{{target}}")],
            "reqps", thresholds=steps(GREEN, (0.01, RED))),
        timeseries(
            "Is the throttle too high? The sink's slowest answers",
            ("99th percentile of the time of a request, by sink.",
             "a line that climbs with the rate: the sink is at its limit, whether it says so or not.",
             "lower the rate until the line is flat."),
            [query(quantile(0.99, "sluice_http_client_request_duration_seconds", labels=["target"], handler=False), "{{target}}")],
            "s", thresholds=steps(GREEN, (1, YELLOW), (5, RED))),
    )


def poison(board):
    board.row("Poison")
    board.add(
        8, 8,
        timeseries(
            "Why are messages poisoned?",
            ("Messages moved to a poison queue a second, by the error that moved them.",
             "any: each will be delivered only if a person sends it again.",
             "mend what the reason says, then publish again what *How much is in the poison queue?* tells how to read."),
            [query(f"{by('reason')}({rate('sluice_poisoned_total')})", "{{reason}}")], "ops", stack=True,
            thresholds=steps(GREEN, (0.001, RED))),
        timeseries(
            "How much is in the poison queue?",
            ("Messages in each poison queue. It keeps them until its retention ends.",
             "anything but 0.",
             "read them with `sluice consume --from QUEUE --format json --idle 1 TOPIC` (QUEUE is `sqlite:` and the data directory, "
             "or `kafka://` and a broker; TOPIC is in the legend): their metadata says why and since when."),
            [query(f"max by (topic) ({select('sluice_poison_queue_messages', handler=False)})", "{{topic}}")], "short",
            thresholds=steps(GREEN, (1, RED)), steps_after=True, decimals=0),
        timeseries(
            "How long has it been there?",
            ("Age of the oldest message in each poison queue; 0 when it is empty.",
             "days: it goes when the queue's retention ends.",
             "take a decision on the oldest ones: send again, or let go."),
            [query(age("sluice_poison_oldest_message_timestamp_seconds", "max by (topic) ", handler=False), "{{topic}}")], "s",
            thresholds=steps(GREEN, (DAY, YELLOW), (7 * DAY, RED))),
        timeseries(
            "Can messages be poisoned at all?",
            ("Messages a second that could not be moved to the poison queue and were rejected instead, and those that it "
             "can never take, which were let go.",
             "any that is rejected: the queue itself refuses to write, so nothing else works either.",
             "look at the queue: disk full, broker down. For what was let go, the log names the place."),
            [query(f"{by('handler_name')}({rate('sluice_poison_publish_failures_total')})", "{{handler_name}}"),
             query(f"{by('handler_name')}({rate('sluice_poison_not_kept_total')})", "{{handler_name}}, let go")], "ops",
            thresholds=steps(GREEN, (0.001, RED))),
        timeseries(
            "Do the books balance?",
            ("Messages received, less settled, less in flight: what every route can account for comes to 0.",
             "anything but 0, even once. It is a bug in Sluice, never load.",
             "keep the process's log and report it; restart the gateway, which gives back what it holds."),
            [query(f"max by (handler_name) (abs({select('sluice_unaccounted_messages')}))", "{{handler_name}}")], "none",
            thresholds=steps(GREEN, (1, RED)), decimals=0),
        timeseries(
            "Are duplicates recognised?",
            ("Messages looked up a second by what the store of handled events knew.",
             "duplicates are normal after a restart; many without one mean that a sender sends everything twice. "
             "`in_progress` means that two workers have the same message.",
             "look at who publishes; deliveries are at least once, so a few are no fault."),
            [query(f"{by('result')}({rate('sluice_dedup_checks_total')})", "{{result}}")], "ops", stack=True,
            overrides=[colored(["fresh"], GREEN), colored(["duplicate"], BLUE), colored(["in_progress"], ORANGE)]),
    )
    board.add(
        24, 6,
        timeseries(
            "Is poison dropped unread?",
            ("Messages a second that were dropped from the poison queue before they were read, because it was full.",
             "any: they are gone.",
             "read and empty the queue, mend what fills it (*Why are messages poisoned?*), or raise POISON_RETENTION_BYTES."),
            [query(f"{by('topic')}({rate('sluice_poison_dropped_total', handler=False)})", "{{topic}}")], "ops",
            thresholds=steps(GREEN, (0.001, RED))),
    )


def destinations(board):
    board.row("Destinations")

    def shut(why):
        return query(
            f"max by (destination) ({select('sluice_destination_shut', same('why', why), handler=False)})", "{{destination}}")

    def breaker(state):
        return f"max by (destination) ({select('sluice_circuit_breaker_state', same('state', state), handler=False)})"

    board.add(
        8, 7,
        state_timeline(
            "Which sink takes nothing?",
            ("Whether a destination is held: it refuses everything until a person mends it.",
             "a red stretch: a webhook that was revoked, credentials or an address that no longer hold.",
             "mend it: `/readyz` tells the reason, and the runbook what to do. Nothing is lost."),
            [shut("held")],
            "none", mappings=values(_0=("takes messages", GREEN), _1=("held", RED)), thresholds=steps(GREEN, (1, RED)),
            show_value="never"),
        state_timeline(
            "Which sink asks us to wait?",
            ("Whether a destination has named a time before which it wants nothing (Retry-After).",
             "a stretch of more than minutes: it is overloaded, or we send too much.",
             "compare with *Is the throttle too high?*."),
            [shut("retry_after")],
            "none", mappings=values(_0=("takes messages", GREEN), _1=("wait", ORANGE)), thresholds=steps(GREEN, (1, ORANGE)),
            show_value="never"),
        state_timeline(
            "Which sink is given a rest?",
            ("The state of each destination's circuit breaker: while it is open nothing is sent; half open, one message finds out "
             "whether the destination works again.",
             "a red stretch: the destination fails. Red and green by turns: it fails for a part of the messages.",
             "mend the destination; `/readyz` says since when, why, and when it is asked next. Its messages wait, in order."),
            [query(f"2 * {breaker('open')} + {breaker('half_open')}", "{{destination}}")],
            "none", mappings=values(_0=("works", GREEN), _1=("half open", YELLOW), _2=("open", RED)),
            thresholds=steps(GREEN, (1, YELLOW), (2, RED)), show_value="never"),
    )
    board.add(
        8, 8,
        timeseries(
            "How often does the breaker open?",
            ("How often a second each destination's breaker comes to a state. A probe that fails opens it again.",
             "*closed* and *open* by turns, for long: the destination takes a part of what it is sent.",
             "see *Which errors deserve a retry?* for what it answers. The breaker's window, share and failures in a row are the "
             "knobs; a longer first rest calms it."),
            [query(f"{by('destination', 'to')}({rate('sluice_circuit_breaker_transitions_total', handler=False)})",
                   "{{destination}} {{to}}")],
            "ops"),
        timeseries(
            "When is a destination asked next?",
            ("Seconds until a destination that is shut, held, or given a rest is asked again; 0 while nothing keeps an attempt from "
             "being made.",
             "minutes, although the destination is well again.",
             "wait, or restart the gateway, which asks at once. The knobs are the breaker's longest rest (`open`) and the maximum of "
             "Retry-After."),
            [query(
                "max by (destination) (clamp_min("
                f"{select('sluice_destination_next_attempt_timestamp_seconds', handler=False)} - time(), 0))", "{{destination}}")],
            "s", thresholds=steps(GREEN, (300, ORANGE))),
        timeseries(
            "When did a destination last take something?",
            ("Seconds since an attempt at a destination last succeeded. It grows while there is nothing to send, too.",
             "a line that climbs while messages wait (*Who waits for the next attempt?*).",
             "the panels beside it say what keeps messages back; *How do attempts at destinations end?* what it answers."),
            [query(
                "time() - max by (destination) ("
                f"{select('sluice_destination_last_success_timestamp_seconds', handler=False)} > 0)", "{{destination}}")],
            "s"),
    )
    board.add(
        12, 8,
        timeseries(
            "How do attempts at destinations end?",
            ("Attempts a second by how they ended, all destinations together: first ones, retries and redeliveries.",
             "red (failure) that stays: the breaker rests the destination when it is most of them. Orange asks to slow down, purple "
             "waits for a person, grey is the message's own fault.",
             "red: look at the destination. Orange: see row Throttle. Purple: see *Why is a destination held?*."),
            [query(f"{by('result')}({rate('sluice_destination_attempts_total', handler=False)})", "{{result}}")], "ops", stack=True,
            overrides=[
                colored(["success"], GREEN), colored(["failure"], RED), colored(["throttled"], ORANGE), colored(["held"], PURPLE),
                colored(["refused"], GREY)]),
        timeseries(
            "Why is a destination held?",
            ("Attempts a second after which a destination was held, by what it answered.",
             "any: it is asked once a minute, and a person has to mend it.",
             "the reason says what: credentials, an address, a page of something else that answers there."),
            [query(f"{by('destination', 'reason')}({rate('sluice_destination_holds_total', handler=False)})",
                   "{{destination}} {{reason}}")],
            "ops", stack=True, thresholds=steps(GREEN, (0.001, RED))),
    )
    board.add(
        8, 8,
        timeseries(
            "Is the concurrency too low? Slots in use",
            ("Attempts that are under way at each destination, beside how many it may have at once. 0 where it has no limit.",
             "both lines as one for long, while messages wait (*Who waits for its turn?*) and the destination answers as fast as "
             "ever: it could take more.",
             "raise the limit, or make it adaptive; where it is, its maximum."),
            [query(f"max by (destination) ({select('sluice_destination_concurrency_in_use', handler=False)})",
                   "{{destination}} in use"),
             query(f"max by (destination) ({select('sluice_destination_concurrency_limit', handler=False)})",
                   "{{destination}} limit")],
            "short", decimals=0),
        timeseries(
            "Who waits for its turn?",
            ("Messages that wait for a permit of their destination's throttle, or for one of its slots for attempts at once.",
             "a line that never comes down, with a backlog that grows: the limit decides how fast it goes, and not the "
             "destination.",
             "*throttle*: raise the rate towards what the destination allows. *concurrency*: see *Is the concurrency too low?*."),
            [query(f"{by('destination', 'limit')}({select('sluice_destination_limit_waiting', handler=False)})",
                   "{{destination}} {{limit}}")],
            "short", decimals=0),
        timeseries(
            "Has a 429 slowed us down? Permits",
            ("Attempts a second that each destination's throttle allows now. 0 where it has none.",
             "far below the rate that is configured, for long: the destination asks to slow down again and again, and the throttle "
             "follows it.",
             "lower the rate to where the line settles; find out who else sends there."),
            [query(f"min by (destination) ({select('sluice_destination_throttle_permits_per_second', handler=False)})",
                   "{{destination}}")],
            "ops"),
    )


def sinks(board):
    board.row("Sinks")
    failed = rate(CLIENT, unlike("code", "2.."), handler=False)
    board.add(
        8, 8,
        timeseries(
            "What do sinks answer?",
            ("Requests to other systems a second, by status; `error` means that there was no answer.",
             "5xx and `error`: it is down. 401, 403, 404, 410: a person has to mend the address or the credentials.",
             "the log and `/readyz` say what is held; nothing is poisoned while a sink is down."),
            [query(f"{by('code')}({rate(CLIENT, handler=False)})", "{{code}}")], "reqps", stack=True, overrides=CODES),
        timeseries(
            "Which sink fails?",
            ("Requests that were not answered with 2xx, of all, by sink.",
             "100 %: it is down, or holds us off. A few percent that stay: some messages are not what it wants.",
             "look at the sink first; then at *Why are messages poisoned?*."),
            [query(share(f"{by('target')}({failed})", f"{by('target')}({rate(CLIENT, handler=False)})"), "{{target}}")],
            "percentunit", thresholds=steps(GREEN, (0.05, RED)), maximum=1),
        state_timeline(
            "Which part is down?",
            ("Whether each part was connected and worked: the queue, the brokers, the sinks.",
             "a red stretch, or one that is red and green by turns: it flaps.",
             "messages for it wait; when it is back they are delivered in order. See `/readyz` for the reason."),
            [query(f"min by (component) ({select('sluice_connection_up', handler=False)})", "{{component}}")], "none",
            mappings=values(_0=("down", RED), _1=("up", GREEN)), thresholds=steps(RED, (1, GREEN)), show_value="never"),
        timeseries(
            "How fast do sinks answer?",
            ("Percentiles of the time of a request, by sink.",
             "p99 of seconds: the sink's own trouble, or the network's.",
             "compare with *Is the throttle too high?*: does it follow our rate?"),
            [query(quantile(q, "sluice_http_client_request_duration_seconds", labels=["target"], handler=False),
                   f"{{{{target}}}} p{int(q * 100)}") for q in (0.5, 0.99)],
            "s", thresholds=steps(GREEN, (5, RED))),
    )
    board.add(
        16, 8,
        heatmap(
            "How fast do sinks answer? All requests",
            ("How the times of requests to other systems are distributed.",
             "a band that climbs, or one at the timeout of 30 s (above the topmost bucket).",
             "compare with *What do sinks answer?*: a slow sink and a broken one need different people."),
            "sluice_http_client_request_duration_seconds", handler=False),
    )
    board.add(
        6, 8,
        timeseries(
            "How late do events arrive?",
            ("95th percentile of an event's age when a sink has taken it, by route and kind.",
             "minutes, where annotations should be on the graphs while people look at them.",
             "see row Queue for what waits, and row Retry for what sleeps."),
            [query(quantile(0.95, "sluice_event_age_seconds", labels=["handler_name", "event_type"]),
                   "{{handler_name}} {{event_type}}")],
            "s", thresholds=steps(GREEN, (300, RED)), log=True, minimum=None),
        timeseries(
            "Do connections flap?",
            ("Connections made again a second, by part: a broker, or a sink that answers again after it did not.",
             "a few in a row without a restart of the other side.",
             "look at the network, and at the log of the other side."),
            [query(f"{by('component')}({rate('sluice_reconnects_total', handler=False)})", "{{component}}")], "ops",
            thresholds=steps(GREEN, (0.05, RED))),
        timeseries(
            "Whose clock is wrong?",
            ("Events a second that say they occurred more than a minute in the future.",
             "any: their age counts as 0, and annotations are drawn where nothing has happened yet.",
             "set the clock of the machine that made them (NTP): the committer's, or the deploy tool's."),
            [query(f"{by('handler_name')}({rate('sluice_event_clock_skew_total')})", "{{handler_name}}")], "ops",
            thresholds=steps(GREEN, (0.001, RED))),
        state_timeline(
            "Is a route paused?",
            ("Whether a person has paused the route (`sluice pause`): it attempts nothing, and what comes for it waits.",
             "a stretch that lasts for days.",
             "`/readyz` says since when and why; `sluice resume` lets it go on."),
            [query(f"max by (handler_name) ({select('sluice_route_paused')})", "{{handler_name}}")], "none",
            mappings=values(_0=("runs", GREEN), _1=("paused", ORANGE)), thresholds=steps(GREEN, (1, ORANGE)),
            show_value="never"),
    )


def kafka(board):
    board.row("Kafka")
    one = lambda metric: select(metric, handler=False)
    board.add(
        8, 8,
        timeseries(
            "Are brokers connected?",
            ("Brokers that each client is connected to. This row is empty for a gateway on its embedded log.",
             "fewer than the cluster has; 0 is an outage.",
             "look at the brokers; the client connects again by itself."),
            [query(f"min by (component) ({one('sluice_kafka_brokers_up')})", "{{component}}")], "none", steps_after=True,
            decimals=0),
        timeseries(
            "How far away are brokers?",
            ("99th percentile of the time from a request to its answer, of the slowest broker.",
             "a multiple of what is normal: a broker is overloaded, or waits for its replicas.",
             "look at the brokers' disks and at under-replicated partitions."),
            [query(f"max by (component) ({one('sluice_kafka_round_trip_seconds')})", "{{component}}")], "s"),
        timeseries(
            "What goes wrong with brokers?",
            ("Errors that clients reported a second, by kind.",
             "any that keep coming.",
             "the kind is librdkafka's name of it; the log has the broker's words."),
            [query(f"{by('component', 'reason')}({rate('sluice_kafka_broker_errors_total', handler=False)})",
                   "{{component}} {{reason}}")],
            "ops", stack=True),
    )
    board.add(
        6, 8,
        timeseries(
            "What waits for a broker?",
            ("Messages given to the client that no broker has taken yet.",
             "a line that climbs: brokers take less than is published.",
             "see round trips and errors beside it; webhooks are answered 503 before memory runs out."),
            [query(f"max by (component) ({one('sluice_kafka_producer_queue_messages')})", "{{component}}")], "short",
            decimals=0),
        timeseries(
            "What waits in the consumer?",
            ("Records fetched that no route has taken yet.",
             "a level line at its maximum is normal for a route that is behind; 0 with a backlog is not.",
             "0 with a backlog: see brokers and rebalances."),
            [query(f"max by (component) ({one('sluice_kafka_fetch_queue_messages')})", "{{component}}")], "short", decimals=0),
        timeseries(
            "Do groups rebalance?",
            ("Changes a second to the partitions that this process reads, by kind.",
             "many without a start or stop of a process; `lost` means that the group had already given them away.",
             "a member that is too slow or restarts again and again: compare with *Gateways up*."),
            [query(f"{by('kind')}({rate('sluice_kafka_rebalances_total', handler=False)})", "{{kind}}")], "ops",
            overrides=[colored(["assigned"], GREEN), colored(["revoked"], YELLOW), colored(["lost"], RED)]),
        timeseries(
            "How do transactions end?",
            ("Transactions ended a second, by result.",
             "aborted ones that keep coming: work is done again and again.",
             "the log has the reason; a second process with the same transactional id ends those of the first."),
            [query(f"{by('result')}({rate('sluice_kafka_transactions_total', handler=False)})", "{{result}}")], "ops",
            overrides=[colored(["committed"], GREEN), colored(["aborted"], RED)]),
    )


def rabbitmq(board):
    board.row("RabbitMQ")
    board.add(
        8, 8,
        state_timeline(
            "Does RabbitMQ hold us off?",
            ("Whether the broker takes no messages because its memory or disk is used up. This row is empty for a gateway that "
             "has no RabbitMQ.",
             "a red stretch: all that publish to it wait, this gateway and others.",
             "look at the broker's alarms (`rabbitmqctl status`) and at which queue has grown."),
            [query(f"max by (component) ({select('sluice_amqp_connection_blocked', handler=False)})", "{{component}}")], "none",
            mappings=values(_0=("open", GREEN), _1=("blocked", RED)), thresholds=steps(GREEN, (1, RED)), show_value="never"),
        timeseries(
            "What goes wrong with RabbitMQ?",
            ("Errors of connections, channels and messages a second, by kind.",
             "`amqp_connection_lost` again and again; `amqp_undecodable`: a program publishes what cannot be read.",
             "for connections see *Do connections flap?*; for messages look at who publishes to that queue."),
            [query(f"{by('component', 'reason')}({rate('sluice_amqp_errors_total', handler=False)})",
                   "{{component}} {{reason}}")],
            "ops", stack=True),
        timeseries(
            "Where do rejected messages wait?",
            ("Rejected messages a second that wait for their redelivery: in a queue of the broker, or in the client where there "
             "is none.",
             "many: see *How do deliveries end?*. Those in the client come back at once when the gateway dies.",
             "find the reason in *Which errors deserve a retry?* and in the log."),
            [query(f"{by('component', 'how')}({rate('sluice_amqp_retry_messages_total', handler=False)})",
                   "{{component}} {{how}}")],
            "ops"),
    )


def configuration(board):
    board.row("Configuration")
    board.add(
        6, 8,
        stat(
            "Is the file in force?",
            ("Whether the configuration that was read last is in force.",
             "refused: the gateway goes on with what it read before, and would not start with this file.",
             "`/readyz` and the log say file, line and column; `sluice check` shows all faults at once."),
            [query(f"min({select('sluice_config_last_reload_successful', handler=False)})")], "none",
            steps(RED, (1, GREEN)), mappings=values(_0=("refused", RED), _1=("in force", GREEN)), graph=False),
        stat(
            "When was it read?",
            ("When a configuration was put in force last; the start counts.",
             "long ago, though a file was changed since: it was refused, or another file is read.",
             "compare with *Is the file in force?*; the log names the file when the gateway starts."),
            [query(f"max({select('sluice_config_last_reload_success_timestamp_seconds', handler=False)}) * 1000")],
            "dateTimeFromNow", graph=False),
        timeseries(
            "How do reloads go?",
            ("Times that the configuration was read, by how it went.",
             "failures that go on: something writes a faulty file again and again.",
             "look at what writes the file; the log says what is wrong each time."),
            [query(f"{by('result')}({increase('sluice_config_reloads_total', handler=False)})", "{{result}}")], "none",
            bars=True, stack=True, overrides=[colored(["success"], GREEN), colored(["failure"], RED)]),
    )
    board.add(
        12, 10,
        table(
            "Which numbers are in force?",
            ("The numbers of each policy: in seconds, a second, or as a share of 1.",
             "one that is not what the file says: the file was refused, or another gateway reads another one.",
             "`sluice check --print` says where each value comes from; change it in the file."),
            [query(f"max by (destination, handler_name, policy) ({select('sluice_policy_value', handler=False)})")], "none",
            [{"id": "organize", "options": {"excludeByName": {"Time": True}, "renameByName": {"Value": "value"}}}],
            sort=("destination", False)),
        table(
            "Where do they come from?",
            ("Policies that are set, by where: `own` is the sink or destination itself.",
             "a policy that was thought to be set and is not here: it is built in.",
             "set it in the file, under the sink, the destination, or `defaults`."),
            [query(f"max by (destination, handler_name, policy, origin) ({select('sluice_policy_info', unlike('origin', 'built-in'), handler=False)})")],
            "none",
            [{"id": "organize", "options": {"excludeByName": {"Time": True, "Value": True}}}], sort=("destination", False),
            no_value="none"),
    )


def journal(board):
    board.row("Journal")
    board.add(
        8, 8,
        timeseries(
            "Is every attempt written down?",
            ("Attempts a second that went into the journal, of which `sluice why` tells; and records that were lost.",
             "lost ones that keep coming: stories have holes. No message is lost by it.",
             "`/readyz` and the log say why: no room on the disk, or a disk that is too slow."),
            [query(f"sum({rate('sluice_journal_attempts_total', handler=False)})", "written"),
             query(f"sum({rate('sluice_journal_dropped_total', handler=False)})", "lost")],
            "ops", overrides=[colored(["written"], GREEN), colored(["lost"], RED)]),
        timeseries(
            "How large is the journal?",
            ("Bytes on the disk, with the write-ahead log.",
             "more than `JOURNAL_BYTES` says.",
             "it lets the oldest go by itself; where it does not, deleting `journal.sqlite` stops nothing."),
            [query(f"max by (instance) ({select('sluice_journal_bytes', handler=False)})", "{{instance}}")], "bytes"),
        timeseries(
            "How far back does it reach?",
            ("Age of the oldest attempt or message in the journal; 0 while it is empty.",
             "less than you look back when you ask why: it was made again, or holds more than it has room for.",
             "raise `JOURNAL_BYTES`, or `JOURNAL_RETENTION`."),
            [query(age("sluice_journal_oldest_timestamp_seconds", "max by (instance) ", handler=False), "{{instance}}")], "s"),
    )


def process(board):
    board.row("Process")
    board.add(
        6, 8,
        timeseries(
            "CPU",
            ("Processor time used a second: 1 is one whole core.",
             "as many as the machine has cores, for long.",
             "see *Does what leaves keep up with what arrives?*: is it load, or something that spins?"),
            [query(f"{by('instance')}({rate('process_cpu_seconds_total', handler=False)})", "{{instance}}")], "none", decimals=2),
        timeseries(
            "Memory",
            ("Memory that is resident.",
             "a line that climbs for hours and never falls.",
             "compare it with the backlog; queues inside are bounded, so report it. A restart is safe."),
            [query(f"max by (instance) ({select('process_resident_memory_bytes', handler=False)})", "{{instance}}")], "bytes"),
        timeseries(
            "Open files",
            ("File descriptors in use, of those allowed.",
             "above 80 %: connections are refused next.",
             "see who connects; raise the limit (LimitNOFILE)."),
            [query(
                f"max by (instance) ({select('process_open_fds', handler=False)} / {select('process_max_fds', handler=False)})",
                "{{instance}}")],
            "percentunit", thresholds=steps(GREEN, (0.8, RED)), maximum=1),
        timeseries(
            "Which commits of the log fail?",
            ("Commits to the embedded log that fail a second, by cause.",
             "anything above 0: webhooks are answered 503 meanwhile, and what was delivered cannot be remembered.",
             "make room on the disk, or mend what the cause names; it goes on by itself."),
            [query(f"{by('code')}({rate('sluice_sqlite_commit_failures_total', handler=False)})", "{{code}}")],
            "ops", stack=True),
        timeseries(
            "What does the log say?",
            ("Lines logged a second, by level; lost ones are missing in the log because its reader has stopped.",
             "errors, warnings that keep coming, or lost lines.",
             "read them: each says what was being done, to which message, and why it failed."),
            [query(f"{by('level')}({rate('sluice_log_lines_total', like('level', 'notice|warning|error|critical'), handler=False)})",
                   "{{level}}"),
             query(f"sum({rate('sluice_log_lines_dropped_total', handler=False)})", "lost")],
            "ops", stack=True,
            overrides=[colored(["lost"], PURPLE), colored(["notice"], BLUE), colored(["warning"], YELLOW), colored(["error"], ORANGE),
                       colored(["critical"], RED)]),
    )
