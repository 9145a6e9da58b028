// All connections by index: what the engine knows of a connection is its output's `connectionIndex`.
// Loop thread only.

/// Slots of connections; freed ones are used again.
struct ConnectionTable {
    private var slots: [Connection?] = []
    private var free: [Int32] = []
    private(set) var countAMQP = 0
    private(set) var countRESP = 0

    var count: Int { countAMQP + countRESP }

    @inline(__always)
    subscript(index: Int32) -> Connection? { index < 0 ? nil : slots[Int(index)] }

    mutating func insert(_ connection: Connection) {
        let index: Int32
        if let reused = free.popLast() {
            index = reused
            slots[Int(index)] = connection
        } else {
            index = Int32(slots.count)
            slots.append(connection)
        }
        connection.session.output.connectionIndex = index
        if connection.wireProtocol == .amqp { countAMQP += 1 } else { countRESP += 1 }
    }

    mutating func remove(_ connection: Connection) {
        let index = connection.session.output.connectionIndex
        precondition(index >= 0 && slots[Int(index)] === connection, "connection is not in its slot")
        slots[Int(index)] = nil
        free.append(index)
        connection.session.output.connectionIndex = -1
        if connection.wireProtocol == .amqp { countAMQP -= 1 } else { countRESP -= 1 }
    }

    /// Every connection there is now; for shutdown and the like, not per turn.
    var all: [Connection] { slots.compactMap { $0 } }
}
