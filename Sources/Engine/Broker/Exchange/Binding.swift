// One binding: where from, where to, under which key and arguments. Two that differ in arguments only are two.
// Held by its source (for routing) and by its destination (to take it down when that goes).
// Loop thread only. Next: Exchange.swift.

import Wire

/// Where a binding leads.
enum BindingDestination {
    case queue(Queue)
    case exchange(Exchange)

    func isSame(as other: BindingDestination) -> Bool {
        switch (self, other) {
        case (.queue(let left), .queue(let right)): left === right
        case (.exchange(let left), .exchange(let right)): left === right
        default: false
        }
    }

    var name: ByteString {
        switch self {
        case .queue(let queue): queue.name
        case .exchange(let exchange): exchange.name
        }
    }

    /// Found again after a restart.
    var isDurable: Bool {
        switch self {
        case .queue(let queue): queue.isLogged
        case .exchange(let exchange): exchange.isDurable
        }
    }
}

/// A binding.
final class Binding {
    /// Goes away only after its bindings.
    let source: Exchange
    let destination: BindingDestination
    let routingKey: ByteString
    /// A table without its length.
    let rawArguments: [UInt8]
    /// Parsed arguments, for sources of type headers.
    let criteria: HeadersCriteria?

    init(
        source: Exchange, destination: BindingDestination, routingKey: ByteString, rawArguments: [UInt8],
        criteria: HeadersCriteria?
    ) {
        self.source = source
        self.destination = destination
        self.routingKey = routingKey
        self.rawArguments = rawArguments
        self.criteria = criteria
    }

    func isSame(destination: BindingDestination, arguments: ByteSlice) -> Bool {
        self.destination.isSame(as: destination)
            && rawArguments.withUnsafeBytes { ByteSlice($0) == arguments }
    }

    var isDurable: Bool { source.isDurable && destination.isDurable }
}
