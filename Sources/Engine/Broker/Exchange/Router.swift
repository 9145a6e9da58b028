// From (exchange, keys, headers) to queues: bindings, exchange-to-exchange bindings and alternate exchanges,
// each exchange and each queue at most once however the bindings lead round.
// What a plain publish needs is kept per channel as a `Route` and used again until the topology changes.
// Loop thread only. Next: ../Channel/ChannelPublish.swift.

import Wire

/// Where messages of one (exchange, routing key) go.
final class Route {
    let queues: [Queue]
    /// The only queue, if there is one: the usual case goes past the array.
    let onlyQueue: Queue?
    /// The publish was to this exchange; nil for the default one.
    let exchange: Exchange?
    /// Exchange and key as in `Message.address`; what the route is found by.
    let address: ByteString
    let epoch: UInt64
    /// Headers decide somewhere on the way: ask again for every message that has some.
    let dependsOnHeaders: Bool
    /// Nobody receives it before its delay is over, so nothing may be taken out of it yet.
    var isDelay: Bool { onlyQueue?.delayed != nil }
    /// Which messages the log gets: 0 all, since one of the queues is a stream; 1 persistent ones, since one of them is
    /// in the log; 2 none.
    let loggedFrom: UInt8

    init(queues: [Queue], exchange: Exchange?, address: ByteString, epoch: UInt64, dependsOnHeaders: Bool) {
        self.queues = queues
        onlyQueue = queues.count == 1 ? queues[0] : nil
        self.exchange = exchange
        self.address = address
        self.epoch = epoch
        self.dependsOnHeaders = dependsOnHeaders
        loggedFrom = queues.contains { $0.stream != nil } ? 0 : queues.contains { $0.isLogged } ? 1 : 2
    }
}

/// One routing under way.
struct Router {
    private let virtualHost: VirtualHost
    private let mark: UInt64
    private(set) var queues: [Queue] = []
    private(set) var dependsOnHeaders = false
    /// Even without headers the address does not decide: chance, or other properties.
    private(set) var dependsOnMessage = false

    init(_ virtualHost: VirtualHost) {
        self.virtualHost = virtualHost
        mark = virtualHost.nextRoutingMark()
    }

    /// Adds the queues that a message published to `exchange` under `keys` reaches.
    /// - Parameter message: nil while only the address counts; then headers exchanges see no headers.
    mutating func route(from exchange: Exchange, keys: [ByteSlice], message: Message?) {
        var work = [exchange]
        exchange.routingMark = mark
        while let exchange = work.popLast() {
            if exchange.isDefault {
                for key in keys { if let queue = virtualHost.queue(key) { add(queue) } }
                continue
            }
            if let delayQueue = exchange.delayQueue {
                dependsOnHeaders = true
                if MessageDelay.milliseconds(message?.headersTable) != nil {
                    add(delayQueue)
                    continue
                }
            }
            let isMatched =
                exchange.routingType.choosesOne
                ? chooseOne(exchange, keys, message, &work) : matchAll(exchange, keys, message, &work)
            if !isMatched, let name = exchange.alternate, let next = virtualHost.exchange(name.slice),
                next.routingMark != mark
            {
                next.routingMark = mark
                work.append(next)
            }
        }
    }

    /// Follows the bindings that match. Returns whether there was one.
    private mutating func matchAll(
        _ exchange: Exchange, _ keys: [ByteSlice], _ message: Message?, _ work: inout [Exchange]
    ) -> Bool {
        var headers: ByteSlice?
        if exchange.routingType == .headers {
            dependsOnHeaders = true
            headers = message?.headersTable
        }
        var isMatched = false
        for key in exchange.routingType.ignoresKeys ? keys.prefix(1) : keys[...] {
            exchange.match(routingKey: key, headers: headers) { binding in
                isMatched = true
                follow(binding, &work)
            }
        }
        return isMatched
    }

    /// Follows the one binding that the exchange chooses. Returns whether there was one.
    private mutating func chooseOne(
        _ exchange: Exchange, _ keys: [ByteSlice], _ message: Message?, _ work: inout [Exchange]
    ) -> Bool {
        if exchange.choosesByMessage { dependsOnMessage = true }
        guard let binding = exchange.choose(keys: keys, properties: message?.properties ?? .empty) else { return false }
        follow(binding, &work)
        return true
    }

    private mutating func follow(_ binding: Binding, _ work: inout [Exchange]) {
        switch binding.destination {
        case .queue(let queue): add(queue)
        case .exchange(let next):
            guard next.routingMark != mark else { return }
            next.routingMark = mark
            work.append(next)
        }
    }

    private mutating func add(_ queue: Queue) {
        guard queue.routingMark != mark else { return }
        queue.routingMark = mark
        queues.append(queue)
    }
}

/// The routes a channel has used, found by address. A fixed number of places: a new route takes the place of
/// another one with the same hash. Empty until the channel publishes.
struct RouteCache {
    private static let places = 64
    private var routes: [Route?] = []
    // The route used last, with what finds it: a publisher mostly stays with one address.
    private var last: Route?
    private var lastAddress = ByteSlice.empty
    private var lastEpoch: UInt64 = 0

    /// The route for messages with this address, if it is known and the topology has not changed since.
    /// Lent: valid until the next call.
    @inline(__always)
    mutating func find(_ address: ByteSlice, epoch: UInt64) -> Unmanaged<Route>? {
        if lastEpoch == epoch, lastAddress == address { return Unmanaged.passUnretained(last.unsafelyUnwrapped) }
        return findOlder(address, epoch: epoch)
    }

    @inline(never)
    private mutating func findOlder(_ address: ByteSlice, epoch: UInt64) -> Unmanaged<Route>? {
        guard !routes.isEmpty else { return nil }
        let place = Int(truncatingIfNeeded: ByteHash.hash(address)) & (Self.places - 1)
        guard let route = routes[place], route.epoch == epoch, route.address.slice == address else { return nil }
        return remember(route)
    }

    /// Keeps a new route.
    mutating func add(_ route: Route) -> Unmanaged<Route> {
        if routes.isEmpty { routes = Array(repeating: nil, count: Self.places) }
        routes[Int(truncatingIfNeeded: route.address.hash) & (Self.places - 1)] = route
        return remember(route)
    }

    private mutating func remember(_ route: Route) -> Unmanaged<Route> {
        last = route
        lastAddress = route.address.slice
        lastEpoch = route.epoch
        return Unmanaged.passUnretained(route)
    }
}
