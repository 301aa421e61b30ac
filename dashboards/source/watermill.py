"""The pipeline by Watermill's names: it reads the three families that Watermill has, and so shows a Go service too."""

from kit import *

RECEIVED = "subscriber_messages_received_total"
HANDLER = "handler_execution_time_seconds"
PUBLISH = "publish_time_seconds"


def slowest(metric, label):
    """The 95th percentile of each, 0 while it has nothing to do."""
    return f"{quantile(0.95, metric, REAL, labels=[label])} >= 0 or {by(label)}({rate(metric + '_count', REAL)}) * 0"


def dashboard():
    board = Dashboard(
        "watermill", "Watermill",
        "Messages received, handled and published, by the metrics that Watermill and Sluice share.",
        target_variables(HANDLER + "_count") + [handler_variable(HANDLER + "_count")], links_of("watermill"), since="1h")

    board.add(
        4, 4,
        stat(
            "Processes up",
            ("Targets that Prometheus could scrape last time, of those chosen above.",
             "fewer than you run. Red at 0: nothing below is measured any more.",
             "look at the process and at Prometheus's page /targets; what the graphs showed last is still there."),
            [query(f"sum({select('up', handler=False)})", "up")], "none", steps(RED, (1, GREEN)), decimals=0),
        stat(
            "Messages settled",
            ("Messages a second that a handler acknowledged or rejected, all handlers together.",
             "a fall to 0 while messages wait; there is no level that is bad by itself.",
             "compare it with what arrives (row Ingest) and with the backlog on the dashboard Pipeline."),
            [query(f"sum({rate(RECEIVED)})", "settled")], "ops", decimals=1),
        stat(
            "Share acknowledged",
            ("Messages acknowledged, of all that were settled. 100 % while nothing is settled.",
             "below 99 %: messages come back and are processed again.",
             "find the handler in *Which handler rejects messages?*, then its errors in the log."),
            [query("1 - " + share(f"sum({rate(RECEIVED, same('acked', 'nacked'))})", f"sum({rate(RECEIVED)})"), "acknowledged")],
            "percentunit", steps(RED, (0.99, YELLOW), (0.999, GREEN))),
        stat(
            "Slowest handler",
            ("95th percentile of the time in the handler and its middlewares, of the slowest handler that does not only simulate.",
             "above a second: the histogram ends there, so the true figure may be anything beyond it.",
             "see *How long do handlers take?*; a handler that waits for another system is in row Publish too."),
            [query(f"max({slowest(HANDLER, 'handler_name')})", "p95")],
            "s", steps(GREEN, (0.5, YELLOW), (0.95, RED))),
        stat(
            "Slowest publisher",
            ("95th percentile of the time of a publish call, of the slowest publisher.",
             "above a second: the broker or sink behind it is slow, and its handler's messages wait.",
             "see *How long does publishing take?* for which one it is."),
            [query(f"max({slowest(PUBLISH, 'publisher_name')})", "p95")],
            "s", steps(GREEN, (1, YELLOW), (5, RED))),
        stat(
            "Failed publishes",
            ("Publish calls that failed, of all.",
             "above 1 %: a broker or sink refuses messages, which are tried again or come back.",
             "see *Which publisher fails?*; then *What do sinks answer?* on the dashboard Pipeline."),
            [query(share(f"sum({rate(PUBLISH + '_count', same('success', 'false'))})", f"sum({rate(PUBLISH + '_count')})"), "failed")],
            "percentunit", steps(GREEN, (0.001, YELLOW), (0.01, RED))),
    )

    board.row("Ingest")
    board.add(
        12, 9,
        timeseries(
            "How much is settled?",
            ("Messages settled a second, by handler.",
             "one handler at 0 while the others work: it is held up, or its topic is empty.",
             "look at the handler's lag on the dashboard Pipeline to tell the two apart."),
            [query(f"{by('handler_name')}({rate(RECEIVED)})", "{{handler_name}}")], "ops"),
        timeseries(
            "Which handler rejects messages?",
            ("Rejected messages, of those that the handler settled.",
             "anything that stays above 1 %: the handler works for nothing, again and again.",
             "read the handler's errors in the log; poison what can never succeed, and mend or wait for the rest."),
            [query(
                share(f"{by('handler_name')}({rate(RECEIVED, same('acked', 'nacked'))})", f"{by('handler_name')}({rate(RECEIVED)})"),
                "{{handler_name}}")],
            "percentunit", thresholds=steps(GREEN, (0.01, RED)), maximum=1),
        timeseries(
            "Acknowledged and rejected",
            ("Messages acknowledged a second, by the kind of subscriber, and those that were rejected on top.",
             "rejections that grow with the load: something behind the handlers is at its limit.",
             "slow the intake or raise the limit; redeliveries alone mend nothing."),
            [query(f"{by('subscriber_name')}({rate(RECEIVED, same('acked', 'acked'))})", "{{subscriber_name}}"),
             query(f"sum({rate(RECEIVED, same('acked', 'nacked'))})", "rejected")],
            "ops", stack=True, overrides=[colored(["rejected"], RED)]),
        heatmap(
            "How long do handlers take? All messages",
            ("How the times of handlers are distributed: one column a moment, darker where more messages were.",
             "a second band far above the first (some messages wait for something), or everything in the topmost bucket.",
             "point at a mark to read the message's correlation id, and follow it in the log."),
            HANDLER),
    )

    board.row("Handlers")
    board.add(
        12, 9,
        timeseries(
            "How long do handlers take?",
            ("95th percentile of the time in everything inside the middleware HandlerMetrics, by handler.",
             "a line at 1 s: the histogram ends there. A step up that stays: something changed, see the annotations.",
             "compare with *How long does publishing take?*: what a sink costs is part of its handler's time."),
            [query(quantile(0.95, HANDLER, labels=["handler_name"]), "{{handler_name}}")],
            "s", thresholds=steps(GREEN, (0.95, RED))),
        timeseries(
            "How long do handlers take? Typical and worst",
            ("Percentiles over all chosen handlers.",
             "p99 far from p50: a few messages hold up the rest of a serial handler.",
             "choose one handler above, and look for what the slow messages have in common."),
            [query(quantile(q, HANDLER), f"p{int(q * 100)}") for q in (0.5, 0.95, 0.99)], "s"),
        timeseries(
            "Which handler fails?",
            ("Executions that ended with an error, of all, by handler. Attempts of a Retry inside count as one.",
             "anything that stays above 1 %.",
             "the log has the reason of each; the dashboard Pipeline counts retries by reason."),
            [query(
                share(f"{by('handler_name')}({rate(HANDLER + '_count', same('success', 'false'))})",
                      f"{by('handler_name')}({rate(HANDLER + '_count')})"),
                "{{handler_name}}")],
            "percentunit", thresholds=steps(GREEN, (0.01, RED)), maximum=1),
        timeseries(
            "How busy are handlers?",
            ("Handlers at work at the same time, on average: time spent a second.",
             "a handler with a serial order at 1: it is never idle, and everything behind it waits.",
             "make the handler faster, let it overlap messages (per key, or unordered), or run another process."),
            [query(f"{by('handler_name')}({rate(HANDLER + '_sum')})", "{{handler_name}}")], "none", decimals=2),
    )

    board.row("Publish")
    board.add(
        12, 9,
        timeseries(
            "How long does publishing take?",
            ("95th percentile of the time of a publish call, by handler and publisher.",
             "above a second, or a step up that stays.",
             "look at the broker or sink; in Sluice its requests are in row Sinks on the dashboard Pipeline."),
            [query(quantile(0.95, PUBLISH, labels=["handler_name", "publisher_name"]), "{{handler_name}} → {{publisher_name}}")],
            "s", thresholds=steps(GREEN, (1, YELLOW), (5, RED))),
        timeseries(
            "Which publisher fails?",
            ("Publish calls that failed, of all, by handler and publisher.",
             "anything that stays above 1 %; 100 % is an outage.",
             "see whether the other side is up; Retry and redelivery go on until it is."),
            [query(
                share(f"{by('handler_name', 'publisher_name')}({rate(PUBLISH + '_count', same('success', 'false'))})",
                      f"{by('handler_name', 'publisher_name')}({rate(PUBLISH + '_count')})"),
                "{{handler_name}} → {{publisher_name}}")],
            "percentunit", thresholds=steps(GREEN, (0.01, RED)), maximum=1),
        timeseries(
            "How much is published?",
            ("Publish calls that succeeded a second, by publisher, and those that failed on top.",
             "red, or far more calls than messages settled.",
             "the first is an outage of the publisher; the second is retrying."),
            [query(f"{by('publisher_name')}({rate(PUBLISH + '_count', same('success', 'true'))})", "{{publisher_name}}"),
             query(f"sum({rate(PUBLISH + '_count', same('success', 'false'))})", "failed")],
            "ops", stack=True, overrides=[colored(["failed"], RED)]),
        heatmap(
            "How long does publishing take? All calls",
            ("How the times of publish calls are distributed.",
             "a band near a timeout (10 s and beyond), or one that climbs: the other side is filling up.",
             "point at a mark to read the message's correlation id."),
            PUBLISH),
    )

    board.row("Process")
    board.add(
        8, 8,
        timeseries(
            "CPU",
            ("Processor time used a second: 1 is one whole core.",
             "as many as the machine has cores, for long.",
             "find what is busy in *How busy are handlers?*; run a second process if it is load."),
            [query(f"{by('instance')}({rate('process_cpu_seconds_total', handler=False)})", "{{instance}}")], "none", decimals=2),
        timeseries(
            "Memory",
            ("Memory that is resident.",
             "a line that climbs for hours and never falls.",
             "compare it with the load; restart is safe, and worth a report."),
            [query(f"max by (instance) ({select('process_resident_memory_bytes', handler=False)})", "{{instance}}")], "bytes"),
        timeseries(
            "Open files",
            ("File descriptors in use, of those allowed.",
             "above 80 %: the next connection may be refused.",
             "see who holds them with `ls -l /proc/PID/fd`; raise the limit (LimitNOFILE)."),
            [query(
                f"max by (instance) ({select('process_open_fds', handler=False)} / {select('process_max_fds', handler=False)})",
                "{{instance}}")],
            "percentunit", thresholds=steps(GREEN, (0.8, RED)), maximum=1),
    )
    return board
