import GRDB
import GRDBSQLite

/// A prepared statement on the message path, or beside it for each message, where a call of GRDB for each value would cost more than SQLite does.
///
/// Belongs to the thread of its connection.
package final class SQLStatement {
    /// Owns the handle where GRDB has made it; nil where it is this value's own.
    private let statement: Statement?
    private let handle: OpaquePointer
    private let connection: OpaquePointer?
    private let path: String

    init(_ database: Database, path: String, _ sql: String) throws(SQLiteLogError) {
        let made: Statement
        do {
            made = try database.makeStatement(sql: sql)
        } catch {
            throw SQLiteLogError(error, path: path)
        }
        statement = made
        handle = made.sqliteStatement
        connection = database.sqliteConnection
        self.path = path
    }

    /// A statement on a connection of SQLite's own, which must outlive it.
    package init(connection: OpaquePointer, path: String, _ sql: String) throws(SQLiteLogError) {
        var prepared: OpaquePointer?
        let code = sqlite3_prepare_v2(connection, sql, -1, &prepared, nil)
        guard code == SQLITE_OK, let prepared else {
            throw SQLiteLogError(
                resultCode: sqlite3_extended_errcode(connection), message: String(cString: sqlite3_errmsg(connection)),
                path: path)
        }
        statement = nil
        handle = prepared
        self.connection = connection
        self.path = path
    }

    deinit {
        if statement == nil { sqlite3_finalize(handle) }
    }

    // MARK: Binding

    package func bind(_ value: Int64, at index: Int32) {
        sqlite3_bind_int64(handle, index, value)
    }

    package func bindNull(at index: Int32) {
        sqlite3_bind_null(handle, index)
    }

    /// The bytes must stay where they are until the statement has been run.
    func bindLent(_ bytes: UnsafeRawBufferPointer, at index: Int32) {
        // A blob without an address would be NULL.
        if bytes.count == 0 {
            sqlite3_bind_zeroblob(handle, index, 0)
        } else {
            sqlite3_bind_blob64(handle, index, bytes.baseAddress, UInt64(bytes.count), nil)
        }
    }

    package func bind(_ bytes: [UInt8], at index: Int32) {
        guard !bytes.isEmpty else {
            sqlite3_bind_zeroblob(handle, index, 0)
            return
        }
        bytes.withUnsafeBytes { buffer in
            _ = sqlite3_bind_blob64(handle, index, buffer.baseAddress, UInt64(buffer.count), Self.transient)
        }
    }

    package func bind(_ text: String, at index: Int32) {
        var text = text
        text.withUTF8 { buffer in
            buffer.withMemoryRebound(to: CChar.self) { characters in
                // An empty string may have no address, which would be NULL.
                withUnsafePointer(to: 0 as CChar) { empty in
                    _ = sqlite3_bind_text64(
                        handle, index, characters.baseAddress ?? empty, UInt64(characters.count), Self.transient,
                        UInt8(SQLITE_UTF8))
                }
            }
        }
    }

    private static var transient: sqlite3_destructor_type { unsafeBitCast(-1, to: sqlite3_destructor_type.self) }

    // MARK: Running

    /// - Returns: whether there is a row.
    package func step() throws(SQLiteLogError) -> Bool {
        switch sqlite3_step(handle) {
        case SQLITE_ROW: return true
        case SQLITE_DONE: return false
        default:
            let error = SQLiteLogError(
                resultCode: sqlite3_extended_errcode(connection), message: String(cString: sqlite3_errmsg(connection)),
                path: path)
            sqlite3_reset(handle)
            throw error
        }
    }

    package func reset() {
        sqlite3_reset(handle)
    }

    /// Runs a statement that gives no rows.
    package func run() throws(SQLiteLogError) {
        _ = try step()
        sqlite3_reset(handle)
    }

    /// Runs a statement that gives at most one integer.
    package func integer() throws(SQLiteLogError) -> Int64? {
        defer { reset() }
        return try step() && !isNull(0) ? integer(0) : nil
    }

    /// How many rows the last change on this connection touched.
    package var changes: Int { Int(sqlite3_changes(connection)) }

    // MARK: Reading

    package func integer(_ column: Int32) -> Int64 {
        sqlite3_column_int64(handle, column)
    }

    package func isNull(_ column: Int32) -> Bool {
        sqlite3_column_type(handle, column) == SQLITE_NULL
    }

    package func isBlob(_ column: Int32) -> Bool {
        sqlite3_column_type(handle, column) == SQLITE_BLOB
    }

    /// The bytes of a blob or text, lent until the next step.
    package func withBytes<R>(_ column: Int32, _ body: (UnsafeRawBufferPointer) -> R) -> R {
        let address = sqlite3_column_blob(handle, column)
        return body(UnsafeRawBufferPointer(start: address, count: Int(sqlite3_column_bytes(handle, column))))
    }

    package func bytes(_ column: Int32) -> [UInt8] {
        withBytes(column) { Array($0) }
    }

    /// The column as text; bytes that are no UTF-8 become replacement characters.
    package func text(_ column: Int32) -> String {
        withBytes(column) { String(decoding: $0, as: UTF8.self) }
    }
}
