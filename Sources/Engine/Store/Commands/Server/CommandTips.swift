// What COMMAND tells proxies and clients of clusters: which replies differ from call to call or come in no order, and how
// a request to many nodes is sent and its replies are put together. As Redis 7 gives them.

enum CommandTips {
    private static let listed: [String: [String]] = {
        var table: [String: [String]] = [:]
        func list(_ tips: String, _ names: String) {
            for name in names.split(separator: " ") {
                table[String(name)] = tips.split(separator: " ").map(String.init)
            }
        }
        list(
            "nondeterministic_output",
            "client|info client|list dump hrandfield hscan lastsave migrate object|encoding object|freq object|idletime "
                + "object|refcount pttl spop srandmember sscan time ttl xadd xautoclaim xclaim xinfo|consumers xpending "
                + "xtrim zrandmember zscan")
        list(
            "nondeterministic_output_order",
            "command command|docs command|info command|list function|list hgetall hkeys hvals module|list sdiff sinter "
                + "smembers sunion")
        list(
            "request_policy:all_nodes response_policy:all_succeeded",
            "config|set latency|reset script|flush script|load slowlog|reset")
        list("request_policy:all_shards response_policy:agg_sum", "dbsize")
        list("request_policy:multi_shard response_policy:agg_sum", "del exists touch unlink")
        list(
            "request_policy:all_shards response_policy:all_succeeded",
            "flushall flushdb function|delete function|flush function|load function|restore memory|purge ping")
        list("request_policy:all_shards response_policy:one_succeeded", "function|kill script|kill")
        list(
            "nondeterministic_output request_policy:all_shards response_policy:special",
            "function|stats info memory|doctor memory|malloc-stats memory|stats")
        list("request_policy:all_shards nondeterministic_output_order", "keys")
        list(
            "nondeterministic_output request_policy:all_nodes response_policy:special",
            "latency|doctor latency|graph latency|histogram latency|history latency|latest")
        list("request_policy:multi_shard", "mget")
        list("request_policy:multi_shard response_policy:all_succeeded", "mset")
        list("request_policy:multi_shard response_policy:agg_min", "msetnx")
        list("request_policy:all_shards nondeterministic_output", "randomkey")
        list("nondeterministic_output request_policy:special", "scan")
        list("request_policy:all_shards response_policy:agg_logical_and", "script|exists")
        list("request_policy:all_nodes nondeterministic_output", "slowlog|get")
        list("request_policy:all_nodes response_policy:agg_sum nondeterministic_output", "slowlog|len")
        list("request_policy:all_shards response_policy:agg_min", "wait waitaof")
        return table
    }()

    static func of(_ fullName: String) -> [String] { listed[fullName] ?? [] }
}
