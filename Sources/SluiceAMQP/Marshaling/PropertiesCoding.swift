import CRabbitMQ

/// Properties at the border to C: what is written lies in the pool until it is recycled.
extension AMQPProperties {
    func encoded(in pool: NativePool) -> amqp_basic_properties_t {
        var native = amqp_basic_properties_t()
        var flags: Int32 = 0
        func set(_ text: String?, _ flag: Int32, _ path: WritableKeyPath<amqp_basic_properties_t, amqp_bytes_t>) {
            guard let text else { return }
            flags |= flag
            native[keyPath: path] = pool.copy(text)
        }
        if !headers.isEmpty {
            flags |= AMQP_BASIC_HEADERS_FLAG
            native.headers = headers.encoded(in: pool)
        }
        flags |= AMQP_BASIC_DELIVERY_MODE_FLAG
        native.delivery_mode = isPersistent ? 2 : 1
        set(contentType, AMQP_BASIC_CONTENT_TYPE_FLAG, \.content_type)
        set(contentEncoding, AMQP_BASIC_CONTENT_ENCODING_FLAG, \.content_encoding)
        set(correlationID, AMQP_BASIC_CORRELATION_ID_FLAG, \.correlation_id)
        set(replyTo, AMQP_BASIC_REPLY_TO_FLAG, \.reply_to)
        set(messageID, AMQP_BASIC_MESSAGE_ID_FLAG, \.message_id)
        set(type, AMQP_BASIC_TYPE_FLAG, \.type)
        set(appID, AMQP_BASIC_APP_ID_FLAG, \.app_id)
        set(userID, AMQP_BASIC_USER_ID_FLAG, \.user_id)
        set(expiration, AMQP_BASIC_EXPIRATION_FLAG, \.expiration)
        if let timestamp {
            flags |= AMQP_BASIC_TIMESTAMP_FLAG
            native.timestamp = timestamp
        }
        if let priority {
            flags |= AMQP_BASIC_PRIORITY_FLAG
            native.priority = priority
        }
        native._flags = amqp_flags_t(flags)
        return native
    }

    init(_ native: amqp_basic_properties_t) {
        self.init()
        let flags = Int32(truncatingIfNeeded: native._flags)
        func text(_ flag: Int32, _ bytes: amqp_bytes_t) -> String? {
            flags & flag == 0 ? nil : bytes.text
        }
        if flags & AMQP_BASIC_HEADERS_FLAG != 0 { headers = AMQPTable(native.headers) }
        isPersistent = flags & AMQP_BASIC_DELIVERY_MODE_FLAG != 0 && native.delivery_mode == 2
        // All but headers and delivery mode: few messages have any of these.
        let others =
            AMQP_BASIC_CONTENT_TYPE_FLAG | AMQP_BASIC_CONTENT_ENCODING_FLAG | AMQP_BASIC_CORRELATION_ID_FLAG
            | AMQP_BASIC_REPLY_TO_FLAG | AMQP_BASIC_MESSAGE_ID_FLAG | AMQP_BASIC_TYPE_FLAG | AMQP_BASIC_APP_ID_FLAG
            | AMQP_BASIC_USER_ID_FLAG | AMQP_BASIC_EXPIRATION_FLAG | AMQP_BASIC_TIMESTAMP_FLAG
            | AMQP_BASIC_PRIORITY_FLAG
        guard flags & others != 0 else { return }
        contentType = text(AMQP_BASIC_CONTENT_TYPE_FLAG, native.content_type)
        contentEncoding = text(AMQP_BASIC_CONTENT_ENCODING_FLAG, native.content_encoding)
        correlationID = text(AMQP_BASIC_CORRELATION_ID_FLAG, native.correlation_id)
        replyTo = text(AMQP_BASIC_REPLY_TO_FLAG, native.reply_to)
        messageID = text(AMQP_BASIC_MESSAGE_ID_FLAG, native.message_id)
        type = text(AMQP_BASIC_TYPE_FLAG, native.type)
        appID = text(AMQP_BASIC_APP_ID_FLAG, native.app_id)
        userID = text(AMQP_BASIC_USER_ID_FLAG, native.user_id)
        expiration = text(AMQP_BASIC_EXPIRATION_FLAG, native.expiration)
        if flags & AMQP_BASIC_TIMESTAMP_FLAG != 0 { timestamp = native.timestamp }
        if flags & AMQP_BASIC_PRIORITY_FLAG != 0 { priority = native.priority }
    }

    /// The properties that were kept as they came over the wire.
    init(encoded bytes: [UInt8], using pool: NativePool) throws(AMQPError) {
        guard bytes.withUnsafeBytes(FieldNesting.isBounded) else {
            throw AMQPError(.undecodable, "the properties of a message cannot be read")
        }
        var decoded: UnsafeMutableRawPointer?
        let (status, properties) = bytes.withUnsafeBytes { bytes -> (Int32, AMQPProperties?) in
            let status = amqp_decode_properties(Method.basicClass, pool.handle, amqp_bytes_t(bytes), &decoded)
            guard status >= 0, let decoded else { return (status, nil) }
            return (status, AMQPProperties(decoded.assumingMemoryBound(to: amqp_basic_properties_t.self).pointee))
        }
        guard let properties else { throw failure(status, "properties could not be read") }
        self = properties
    }
}

extension AMQPTable {
    func encoded(in pool: NativePool) -> amqp_table_t {
        guard let entries = pool.allocate(count, of: amqp_table_entry_t.self) else {
            return amqp_table_t(num_entries: 0, entries: nil)
        }
        for (index, element) in enumerated() {
            entries[index] = amqp_table_entry_t(key: pool.copy(element.name), value: element.value.encoded(in: pool))
        }
        return amqp_table_t(num_entries: Int32(clamping: count), entries: entries)
    }

    /// - Parameter depth: how many tables and arrays it may hold within each other.
    init(_ native: amqp_table_t, depth: Int = AMQPValue.deepest) {
        self.init()
        guard let entries = native.entries, native.num_entries > 0 else { return }
        reserveCapacity(Int(native.num_entries))
        for index in 0..<Int(native.num_entries) {
            append(entries[index].key.text, AMQPValue(entries[index].value, depth: depth))
        }
    }
}

extension AMQPValue {
    func encoded(in pool: NativePool) -> amqp_field_value_t {
        var field = amqp_field_value_t()
        func kind(_ kind: amqp_field_value_kind_t) { field.kind = UInt8(truncatingIfNeeded: kind.rawValue) }
        switch self {
        case .bool(let value):
            kind(AMQP_FIELD_KIND_BOOLEAN)
            field.value.boolean = value ? 1 : 0
        case .int8(let value):
            kind(AMQP_FIELD_KIND_I8)
            field.value.i8 = value
        case .uint8(let value):
            kind(AMQP_FIELD_KIND_U8)
            field.value.u8 = value
        case .int16(let value):
            kind(AMQP_FIELD_KIND_I16)
            field.value.i16 = value
        case .uint16(let value):
            kind(AMQP_FIELD_KIND_U16)
            field.value.u16 = value
        case .int32(let value):
            kind(AMQP_FIELD_KIND_I32)
            field.value.i32 = value
        case .uint32(let value):
            kind(AMQP_FIELD_KIND_U32)
            field.value.u32 = value
        case .int64(let value):
            kind(AMQP_FIELD_KIND_I64)
            field.value.i64 = value
        case .uint64(let value):
            kind(AMQP_FIELD_KIND_U64)
            field.value.u64 = value
        case .float(let value):
            kind(AMQP_FIELD_KIND_F32)
            field.value.f32 = value
        case .double(let value):
            kind(AMQP_FIELD_KIND_F64)
            field.value.f64 = value
        case .decimal(let value, let scale):
            kind(AMQP_FIELD_KIND_DECIMAL)
            field.value.decimal = amqp_decimal_t(decimals: scale, value: UInt32(bitPattern: value))
        case .text(let text):
            kind(AMQP_FIELD_KIND_UTF8)
            field.value.bytes = pool.copy(text)
        case .bytes(let bytes):
            kind(AMQP_FIELD_KIND_BYTES)
            field.value.bytes = bytes.withUnsafeBytes { pool.copy($0) }
        case .timestamp(let seconds):
            kind(AMQP_FIELD_KIND_TIMESTAMP)
            field.value.u64 = seconds
        case .array(let values):
            kind(AMQP_FIELD_KIND_ARRAY)
            let entries = pool.allocate(values.count, of: amqp_field_value_t.self)
            for (index, value) in values.enumerated() { entries?[index] = value.encoded(in: pool) }
            field.value.array = amqp_array_t(
                num_entries: entries == nil ? 0 : Int32(clamping: values.count), entries: entries)
        case .table(let table):
            kind(AMQP_FIELD_KIND_TABLE)
            field.value.table = table.encoded(in: pool)
        case .void:
            kind(AMQP_FIELD_KIND_VOID)
        }
        return field
    }

    /// What lies deeper within each other is not taken in: no program needs it, and a thread's stack is finite.
    static let deepest = 64
    private static let tooDeep = AMQPValue.text("(nested too deeply)")

    init(_ field: amqp_field_value_t, depth: Int) {
        let value = field.value
        switch amqp_field_value_kind_t(rawValue: UInt32(field.kind)) {
        case AMQP_FIELD_KIND_BOOLEAN: self = .bool(value.boolean != 0)
        case AMQP_FIELD_KIND_I8: self = .int8(value.i8)
        case AMQP_FIELD_KIND_U8: self = .uint8(value.u8)
        case AMQP_FIELD_KIND_I16: self = .int16(value.i16)
        case AMQP_FIELD_KIND_U16: self = .uint16(value.u16)
        case AMQP_FIELD_KIND_I32: self = .int32(value.i32)
        case AMQP_FIELD_KIND_U32: self = .uint32(value.u32)
        case AMQP_FIELD_KIND_I64: self = .int64(value.i64)
        case AMQP_FIELD_KIND_U64: self = .uint64(value.u64)
        case AMQP_FIELD_KIND_F32: self = .float(value.f32)
        case AMQP_FIELD_KIND_F64: self = .double(value.f64)
        case AMQP_FIELD_KIND_DECIMAL:
            self = .decimal(value: Int32(bitPattern: value.decimal.value), scale: value.decimal.decimals)
        case AMQP_FIELD_KIND_UTF8:
            if let text = String(validating: value.bytes.buffer, as: UTF8.self) {
                self = .text(text)
            } else {
                self = .bytes(Array(value.bytes.buffer))
            }
        case AMQP_FIELD_KIND_BYTES: self = .bytes(Array(value.bytes.buffer))
        case AMQP_FIELD_KIND_TIMESTAMP: self = .timestamp(value.u64)
        case AMQP_FIELD_KIND_ARRAY:
            let entries = UnsafeBufferPointer(
                start: value.array.entries, count: value.array.entries == nil ? 0 : max(0, Int(value.array.num_entries))
            )
            self = depth > 0 ? .array(entries.map { AMQPValue($0, depth: depth - 1) }) : Self.tooDeep
        case AMQP_FIELD_KIND_TABLE:
            self = depth > 0 ? .table(AMQPTable(value.table, depth: depth - 1)) : Self.tooDeep
        default: self = .void
        }
    }
}
