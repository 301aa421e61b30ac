import CRabbitMQ

extension Link {
    /// Declares what a layout names.
    /// - Throws: the broker's reason, behind the name of the object; the channel is then closed.
    func declare(_ layout: Layout, _ declaration: AMQPTopology.Declaration, on channel: UInt16) throws(AMQPError) {
        let hasExchange = !layout.exchange.name.isEmpty
        if declaration.declaresExchange, hasExchange {
            do throws(AMQPError) {
                try declare(layout.exchange, on: channel)
            } catch {
                throw error.during("exchange \(layout.exchange.name)")
            }
        }
        guard declaration.declaresQueue else { return }
        try declare(layout.queue, on: channel)
        guard hasExchange else { return }
        let pool = NativePool()
        do throws(AMQPError) {
            try request(
                Method.queueBind, on: channel,
                amqp_queue_bind_t(
                    ticket: 0, queue: pool.copy(layout.queue.name), exchange: pool.copy(layout.exchange.name),
                    routing_key: pool.copy(layout.bindingKey), nowait: 0,
                    arguments: layout.bindingArguments.encoded(in: pool)),
                answer: Method.queueBindOk)
        } catch {
            throw error.during("queue \(layout.queue.name), bound to exchange \(layout.exchange.name)")
        }
    }

    private func declare(_ exchange: Layout.Exchange, on channel: UInt16) throws(AMQPError) {
        let pool = NativePool()
        try request(
            Method.exchangeDeclare, on: channel,
            amqp_exchange_declare_t(
                ticket: 0, exchange: pool.copy(exchange.name), type: pool.copy(exchange.type), passive: 0,
                durable: exchange.isDurable ? 1 : 0, auto_delete: exchange.isAutoDeleted ? 1 : 0,
                internal: exchange.isInternal ? 1 : 0, nowait: 0, arguments: exchange.arguments.encoded(in: pool)),
            answer: Method.exchangeDeclareOk)
    }

    func declare(_ queue: Layout.Queue, on channel: UInt16) throws(AMQPError) {
        let pool = NativePool()
        do throws(AMQPError) {
            try request(
                Method.queueDeclare, on: channel,
                amqp_queue_declare_t(
                    ticket: 0, queue: pool.copy(queue.name), passive: 0, durable: queue.isDurable ? 1 : 0,
                    exclusive: queue.isExclusive ? 1 : 0, auto_delete: queue.isAutoDeleted ? 1 : 0, nowait: 0,
                    arguments: queue.arguments.encoded(in: pool)),
                answer: Method.queueDeclareOk)
        } catch {
            throw error.during("queue \(queue.name)")
        }
    }

    func delete(_ queue: Layout.Queue, on channel: UInt16) throws(AMQPError) {
        let pool = NativePool()
        try request(
            Method.queueDelete, on: channel,
            amqp_queue_delete_t(ticket: 0, queue: pool.copy(queue.name), if_unused: 0, if_empty: 0, nowait: 0),
            answer: Method.queueDeleteOk)
    }

    /// From now on the broker confirms what is published on the channel.
    func selectConfirms(on channel: UInt16) throws(AMQPError) {
        try request(
            Method.confirmSelect, on: channel, amqp_confirm_select_t(nowait: 0), answer: Method.confirmSelectOk)
    }
}
