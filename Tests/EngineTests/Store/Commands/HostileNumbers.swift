// Commands with numbers that nobody expects, and the errors that Redis 7.0.15 answers: recorded once.
//
//     command, N for the number
//       error <- numbers that get it; * is all that are no integers
//       ? <- numbers whose answer is not compared: drawn at random, another one in Redis 7.2, or over our limits
//
// What stands nowhere gets no error. A command behind `M` runs within a transaction, where it does not wait.

/// By the names that the table has for them.
let integersAtTheLimits: KeyValuePairs<String, String> = [
    "0": "0",
    "1": "1",
    "-1": "-1",
    "max": "9223372036854775807",
    "min": "-9223372036854775808",
    "max-1": "9223372036854775806",
    "min+1": "-9223372036854775807",
    "2^62": "4611686018427387904",
    "-2^62": "-4611686018427387904",
    "max/1000": "9223372036854775",
    "max/1000+1": "9223372036854776",
    "min/1000-1": "-9223372036854776",
    "2^32": "4294967296",
    "2^31": "2147483648",
    "-2^31-1": "-2147483649",
]

let textsThatAreNoIntegers: KeyValuePairs<String, String> = [
    "max+1": "9223372036854775808",
    "min-1": "-9223372036854775809",
    "2^64-1": "18446744073709551615",
    "2^64": "18446744073709551616",
    "1e400": "1e400",
    "-1e400": "-1e400",
    "\"\"": "",
    "x": "x",
    "1.5": "1.5",
    "+1": "+1",
    "-0": "-0",
    "00": "00",
    "inf": "inf",
    "nan": "nan",
]

let hostileNumberAnswers = """
    EXPIRE s N
      -ERR invalid expire time in 'expire' command <- max min max-1 min+1 2^62 -2^62 max/1000 max/1000+1 min/1000-1
      -ERR value is not an integer or out of range <- *
    PEXPIRE s N
      -ERR invalid expire time in 'pexpire' command <- max max-1
      -ERR value is not an integer or out of range <- *
    EXPIREAT s N
      -ERR invalid expire time in 'expireat' command <- max min max-1 min+1 2^62 -2^62 max/1000+1 min/1000-1
      -ERR value is not an integer or out of range <- *
    PEXPIREAT s N
      -ERR value is not an integer or out of range <- *
    EXPIRE s N GT
      -ERR invalid expire time in 'expire' command <- max min max-1 min+1 2^62 -2^62 max/1000 max/1000+1 min/1000-1
      -ERR value is not an integer or out of range <- *
    EXPIRE none N
      -ERR invalid expire time in 'expire' command <- max min max-1 min+1 2^62 -2^62 max/1000 max/1000+1 min/1000-1
      -ERR value is not an integer or out of range <- *
    SETEX k N v
      -ERR invalid expire time in 'setex' command <- 0 -1 max min max-1 min+1 2^62 -2^62 max/1000 max/1000+1 min/1000-1 -2^31-1
      -ERR value is not an integer or out of range <- *
    PSETEX k N v
      -ERR invalid expire time in 'psetex' command <- 0 -1 max min max-1 min+1 -2^62 min/1000-1 -2^31-1
      -ERR value is not an integer or out of range <- *
    SET k v EX N
      -ERR invalid expire time in 'set' command <- 0 -1 max min max-1 min+1 2^62 -2^62 max/1000 max/1000+1 min/1000-1 -2^31-1
      -ERR value is not an integer or out of range <- *
    SET k v PX N
      -ERR invalid expire time in 'set' command <- 0 -1 max min max-1 min+1 -2^62 min/1000-1 -2^31-1
      -ERR value is not an integer or out of range <- *
    SET k v EXAT N
      -ERR invalid expire time in 'set' command <- 0 -1 max min max-1 min+1 2^62 -2^62 max/1000+1 min/1000-1 -2^31-1
      -ERR value is not an integer or out of range <- *
    SET k v PXAT N
      -ERR invalid expire time in 'set' command <- 0 -1 min min+1 -2^62 min/1000-1 -2^31-1
      -ERR value is not an integer or out of range <- *
    GETEX s EX N
      -ERR invalid expire time in 'getex' command <- 0 -1 max min max-1 min+1 2^62 -2^62 max/1000 max/1000+1 min/1000-1 -2^31-1
      -ERR value is not an integer or out of range <- *
    GETEX s PX N
      -ERR invalid expire time in 'getex' command <- 0 -1 max min max-1 min+1 -2^62 min/1000-1 -2^31-1
      -ERR value is not an integer or out of range <- *
    GETEX s EXAT N
      -ERR invalid expire time in 'getex' command <- 0 -1 max min max-1 min+1 2^62 -2^62 max/1000+1 min/1000-1 -2^31-1
      -ERR value is not an integer or out of range <- *
    GETEX s PXAT N
      -ERR invalid expire time in 'getex' command <- 0 -1 min min+1 -2^62 min/1000-1 -2^31-1
      -ERR value is not an integer or out of range <- *
    GETEX none EX N
    INCRBY n N
      -ERR increment or decrement would overflow <- max max-1
      -ERR value is not an integer or out of range <- *
    DECRBY n N
      -ERR decrement would overflow <- min
      -ERR increment or decrement would overflow <- min+1
      -ERR value is not an integer or out of range <- *
    HINCRBY h f N
      -ERR increment or decrement would overflow <- max max-1
      -ERR value is not an integer or out of range <- *
    INCRBYFLOAT n N
      -ERR value is not a valid float <- "" x nan
      -ERR increment would produce NaN or Infinity <- inf
    HINCRBYFLOAT h f N
      -ERR value is not a valid float <- "" x nan
      -ERR value is NaN or Infinity <- inf
    ZINCRBY z N a
      -ERR value is not a valid float <- 1e400 -1e400 "" x nan
      ? <- max min max-1 min+1 max+1 min-1 2^62 -2^62 2^64-1 2^64
    GETRANGE s N 3
      -ERR value is not an integer or out of range <- *
    GETRANGE s 1 N
      -ERR value is not an integer or out of range <- *
    GETRANGE s N N
      -ERR value is not an integer or out of range <- *
    SETRANGE s N x
      -ERR offset is out of range <- -1 min min+1 -2^62 min/1000-1 -2^31-1
      -ERR string exceeds maximum allowed size (proto-max-bulk-len) <- max max-1 2^62 max/1000 max/1000+1 2^32
      -ERR value is not an integer or out of range <- *
      ? <- 2^31
    SETRANGE none N ""
      -ERR offset is out of range <- -1 min min+1 -2^62 min/1000-1 -2^31-1
      -ERR value is not an integer or out of range <- *
    SETBIT none 0 N
      -ERR bit is not an integer or out of range <- * -1 max min max-1 min+1 2^62 -2^62 max/1000 max/1000+1 min/1000-1 2^32 2^31 -2^31-1
    GETBIT s N
      -ERR bit offset is not an integer or out of range <- * -1 max min max-1 min+1 2^62 -2^62 max/1000 max/1000+1 min/1000-1 2^32 -2^31-1
    BITCOUNT s N 3
      -ERR value is not an integer or out of range <- *
    BITCOUNT s 0 N
      -ERR value is not an integer or out of range <- *
    BITCOUNT s N N BIT
      -ERR value is not an integer or out of range <- *
    BITPOS s N
      -ERR The bit argument must be 1 or 0. <- -1 max min max-1 min+1 2^62 -2^62 max/1000 max/1000+1 min/1000-1 2^32 2^31 -2^31-1
      -ERR value is not an integer or out of range <- *
    BITPOS s 1 N
      -ERR value is not an integer or out of range <- *
    BITPOS s 0 1 N
      -ERR value is not an integer or out of range <- *
    BITPOS s 1 N N BIT
      -ERR value is not an integer or out of range <- *
    BITFIELD b GET u8 N
      -ERR bit offset is not an integer or out of range <- * -1 max min max-1 min+1 2^62 -2^62 max/1000 max/1000+1 min/1000-1 2^32 -2^31-1
    BITFIELD b GET u8 #N
      -ERR bit offset is not an integer or out of range <- * -1 max max-1 max/1000 max/1000+1 min/1000-1 2^32 2^31 -2^31-1
      ? <- min min+1 2^62 -2^62
    BITFIELD b GET iN 0
      -ERR Invalid bitfield type. Use something like i16 u8. Note that u64 is not supported but i64 is. <- * 0 -1 max min max-1 min+1 2^62 -2^62 max/1000 max/1000+1 min/1000-1 2^32 2^31 -2^31-1
    BITFIELD b SET u8 0 N
      -ERR value is not an integer or out of range <- *
    BITFIELD b SET i64 0 N INCRBY i64 0 N
      -ERR value is not an integer or out of range <- *
    BITFIELD b OVERFLOW SAT SET i63 0 N INCRBY i63 0 N
      -ERR value is not an integer or out of range <- *
    BITFIELD b OVERFLOW FAIL SET u63 0 N INCRBY u63 0 N
      -ERR value is not an integer or out of range <- *
    BITFIELD_RO s GET u63 N
      -ERR bit offset is not an integer or out of range <- * -1 max min max-1 min+1 2^62 -2^62 max/1000 max/1000+1 min/1000-1 2^32 -2^31-1
    LINDEX l N
      -ERR value is not an integer or out of range <- *
    LRANGE l N 1
      -ERR value is not an integer or out of range <- *
    LRANGE l 0 N
      -ERR value is not an integer or out of range <- *
    LTRIM l N -1
      -ERR value is not an integer or out of range <- *
    LTRIM l 0 N
      -ERR value is not an integer or out of range <- *
    LREM l N a
      -ERR value is not an integer or out of range <- *
      ? <- min
    LSET l N v
      -ERR index out of range <- max min max-1 min+1 2^62 -2^62 max/1000 max/1000+1 min/1000-1 2^32 2^31 -2^31-1
      -ERR value is not an integer or out of range <- *
    LPOS l a RANK N
      -ERR RANK can't be zero: use 1 to start from the first match, 2 from the second ... or use negative to start from the end of the list <- 0
      -ERR value is not an integer or out of range <- *
      ? <- min
    LPOS l a COUNT N
      -ERR COUNT can't be negative <- * -1 min min+1 -2^62 min/1000-1 -2^31-1
    LPOS l a MAXLEN N
      -ERR MAXLEN can't be negative <- * -1 min min+1 -2^62 min/1000-1 -2^31-1
    LPOS l a RANK N COUNT N MAXLEN N
      -ERR RANK can't be zero: use 1 to start from the first match, 2 from the second ... or use negative to start from the end of the list <- 0
      -ERR COUNT can't be negative <- -1 min+1 -2^62 min/1000-1 -2^31-1
      -ERR value is not an integer or out of range <- *
      ? <- min
    LPOP l N
      -ERR value is out of range, must be positive <- * -1 min min+1 -2^62 min/1000-1 -2^31-1
    RPOP l N
      -ERR value is out of range, must be positive <- * -1 min min+1 -2^62 min/1000-1 -2^31-1
    LMPOP N l LEFT
      -ERR numkeys should be greater than 0 <- * 0 -1 min min+1 -2^62 min/1000-1 -2^31-1
      -ERR syntax error <- max max-1 2^62 max/1000 max/1000+1 2^32 2^31
    LMPOP 1 l LEFT COUNT N
      -ERR count should be greater than 0 <- * 0 -1 min min+1 -2^62 min/1000-1 -2^31-1
    M BLPOP none N
      -ERR timeout is negative <- -1 min min+1 min-1 -2^62 min/1000-1 -2^31-1 -1e400
      -ERR timeout is not a float or out of range <- "" x nan
      ? <- max max-1 max+1 2^62 max/1000 max/1000+1 2^64-1 2^64 1e400 inf
    M BRPOPLPUSH none k N
      -ERR timeout is negative <- -1 min min+1 min-1 -2^62 min/1000-1 -2^31-1 -1e400
      -ERR timeout is not a float or out of range <- "" x nan
      ? <- max max-1 max+1 2^62 max/1000 max/1000+1 2^64-1 2^64 1e400 inf
    M BLMOVE none k LEFT LEFT N
      -ERR timeout is negative <- -1 min min+1 min-1 -2^62 min/1000-1 -2^31-1 -1e400
      -ERR timeout is not a float or out of range <- "" x nan
      ? <- max max-1 max+1 2^62 max/1000 max/1000+1 2^64-1 2^64 1e400 inf
    M BLMPOP N 1 none LEFT
      -ERR timeout is negative <- -1 min min+1 min-1 -2^62 min/1000-1 -2^31-1 -1e400
      -ERR timeout is not a float or out of range <- "" x nan
      ? <- max max-1 max+1 2^62 max/1000 max/1000+1 2^64-1 2^64 1e400 inf
    M BLMPOP 0 N none LEFT
      -ERR numkeys should be greater than 0 <- * 0 -1 min min+1 -2^62 min/1000-1 -2^31-1
      -ERR syntax error <- max max-1 2^62 max/1000 max/1000+1 2^32 2^31
    M BLMPOP 0 1 none LEFT COUNT N
      -ERR count should be greater than 0 <- * 0 -1 min min+1 -2^62 min/1000-1 -2^31-1
    M BZPOPMIN none N
      -ERR timeout is negative <- -1 min min+1 min-1 -2^62 min/1000-1 -2^31-1 -1e400
      -ERR timeout is not a float or out of range <- "" x nan
      ? <- max max-1 max+1 2^62 max/1000 max/1000+1 2^64-1 2^64 1e400 inf
    M BZMPOP N 1 none MIN
      -ERR timeout is negative <- -1 min min+1 min-1 -2^62 min/1000-1 -2^31-1 -1e400
      -ERR timeout is not a float or out of range <- "" x nan
      ? <- max max-1 max+1 2^62 max/1000 max/1000+1 2^64-1 2^64 1e400 inf
    M XREAD BLOCK N STREAMS x $
      -ERR timeout is negative <- -1 min min+1 -2^62 min/1000-1 -2^31-1
      -ERR timeout is not an integer or out of range <- *
    M WAIT N 0
      -ERR value is not an integer or out of range <- *
    M WAIT 0 N
      -ERR timeout is negative <- -1 min min+1 -2^62 min/1000-1 -2^31-1
      -ERR timeout is not an integer or out of range <- *
    SPOP t N
      -ERR value is out of range, must be positive <- -1 min max+1 min-1 2^64-1 2^64 1e400 "" x 1.5 +1 -0 00 inf nan
      ? <- min+1 -2^62 min/1000-1 -2^31-1 -1e400
    SRANDMEMBER t N
      -ERR value is out of range, value must between -9223372036854775807 and 9223372036854775807 <- min
      -ERR value is not an integer or out of range <- max+1 min-1 2^64-1 2^64 1e400 "" x 1.5 +1 -0 00 inf nan
      ? <- min+1 -2^62 min/1000-1 -2^31-1 -1e400
    SINTERCARD N t
      -ERR numkeys should be greater than 0 <- * 0 -1 min min+1 -2^62 min/1000-1 -2^31-1
      -ERR Number of keys can't be greater than number of args <- max max-1 2^62 max/1000 max/1000+1 2^32 2^31
    SINTERCARD 1 t LIMIT N
      -ERR LIMIT can't be negative <- * -1 min min+1 -2^62 min/1000-1 -2^31-1
    ZRANGE z N 1
      -ERR value is not an integer or out of range <- *
    ZRANGE z 0 N
      -ERR value is not an integer or out of range <- *
    ZRANGE z -inf +inf BYSCORE LIMIT N 2
      -ERR value is not an integer or out of range <- *
    ZRANGE z -inf +inf BYSCORE LIMIT 0 N
      -ERR value is not an integer or out of range <- *
    ZRANGE z 0 -1 LIMIT N 1
      -ERR syntax error, LIMIT is only supported in combination with either BYSCORE or BYLEX <- 0 1 -1 max min max-1 min+1 2^62 -2^62 max/1000 max/1000+1 min/1000-1 2^32 2^31 -2^31-1
      -ERR value is not an integer or out of range <- *
    ZRANGEBYSCORE z N inf
      -ERR min or max is not a float <- x nan
    ZRANGEBYSCORE z -inf inf LIMIT N N
      -ERR value is not an integer or out of range <- *
    ZREVRANGEBYSCORE z inf (N
      -ERR min or max is not a float <- x nan
    ZREVRANGE z N N
      -ERR value is not an integer or out of range <- *
    ZRANGEBYLEX z - + LIMIT N 1
      -ERR value is not an integer or out of range <- *
    ZREVRANGEBYLEX z + - LIMIT 1 N
      -ERR value is not an integer or out of range <- *
    ZRANGESTORE d z N N
      -ERR value is not an integer or out of range <- *
    ZREMRANGEBYRANK z N 1
      -ERR value is not an integer or out of range <- *
    ZREMRANGEBYRANK z 0 N
      -ERR value is not an integer or out of range <- *
    ZREMRANGEBYSCORE z N N
      -ERR min or max is not a float <- x nan
    ZCOUNT z N inf
      -ERR min or max is not a float <- x nan
    ZPOPMIN z N
      -ERR value is out of range, must be positive <- * -1 min min+1 -2^62 min/1000-1 -2^31-1
    ZPOPMAX z N
      -ERR value is out of range, must be positive <- * -1 min min+1 -2^62 min/1000-1 -2^31-1
    ZRANDMEMBER z N
      -ERR value is out of range, value must between -9223372036854775807 and 9223372036854775807 <- min
      -ERR value is not an integer or out of range <- max+1 min-1 2^64-1 2^64 1e400 "" x 1.5 +1 -0 00 inf nan
      ? <- min+1 -2^62 min/1000-1 -2^31-1 -1e400
    ZRANDMEMBER z N WITHSCORES
      -ERR value is out of range <- max max-1 2^62
      -ERR value is out of range, value must between -9223372036854775807 and 9223372036854775807 <- min
      -ERR value is not an integer or out of range <- max+1 min-1 2^64-1 2^64 1e400 "" x 1.5 +1 -0 00 inf nan
      ? <- min+1 -2^62 min/1000-1 -2^31-1 -1e400
    HRANDFIELD h N
      -ERR value is out of range, value must between -9223372036854775807 and 9223372036854775807 <- min
      -ERR value is not an integer or out of range <- max+1 min-1 2^64-1 2^64 1e400 "" x 1.5 +1 -0 00 inf nan
      ? <- min+1 -2^62 min/1000-1 -2^31-1 -1e400
    HRANDFIELD h N WITHVALUES
      -ERR value is out of range <- max max-1 2^62
      -ERR value is out of range, value must between -9223372036854775807 and 9223372036854775807 <- min
      -ERR value is not an integer or out of range <- max+1 min-1 2^64-1 2^64 1e400 "" x 1.5 +1 -0 00 inf nan
      ? <- min+1 -2^62 min/1000-1 -2^31-1 -1e400
    ZMPOP N z MIN
      -ERR numkeys should be greater than 0 <- * 0 -1 min min+1 -2^62 min/1000-1 -2^31-1
      -ERR syntax error <- max max-1 2^62 max/1000 max/1000+1 2^32 2^31
    ZMPOP 1 z MIN COUNT N
      -ERR count should be greater than 0 <- * 0 -1 min min+1 -2^62 min/1000-1 -2^31-1
    ZUNION N z
      -ERR at least 1 input key is needed for 'zunion' command <- 0 -1 min min+1 -2^62 min/1000-1 -2^31-1
      -ERR syntax error <- max max-1 2^62 max/1000 max/1000+1 2^32 2^31
      -ERR value is not an integer or out of range <- *
    ZUNIONSTORE d N z
      -ERR at least 1 input key is needed for 'zunionstore' command <- 0 -1 min min+1 -2^62 min/1000-1 -2^31-1
      -ERR syntax error <- max max-1 2^62 max/1000 max/1000+1 2^32 2^31
      -ERR value is not an integer or out of range <- *
    ZUNION 1 z WEIGHTS N WITHSCORES
      -ERR weight value is not a float <- 1e400 -1e400 "" x nan
      ? <- max min max-1 min+1 max+1 min-1 2^62 -2^62 2^64-1 2^64 -0
    ZINTERCARD N z
      -ERR at least 1 input key is needed for 'zintercard' command <- 0 -1 min min+1 -2^62 min/1000-1 -2^31-1
      -ERR syntax error <- max max-1 2^62 max/1000 max/1000+1 2^32 2^31
      -ERR value is not an integer or out of range <- *
    ZINTERCARD 1 z LIMIT N
      -ERR LIMIT can't be negative <- * -1 min min+1 -2^62 min/1000-1 -2^31-1
    ZADD z N m
      -ERR value is not a valid float <- 1e400 -1e400 "" x nan
    ZADD z INCR N a
      -ERR value is not a valid float <- 1e400 -1e400 "" x nan
      ? <- max min max-1 min+1 max+1 min-1 2^62 -2^62 2^64-1 2^64
    SORT l LIMIT N 1 ALPHA
      -ERR value is not an integer or out of range <- *
    SORT l LIMIT 0 N ALPHA
      -ERR value is not an integer or out of range <- *
    SORT t LIMIT N N BY nosort
      -ERR value is not an integer or out of range <- *
      ? <- -1 min min+1 -2^62 min/1000-1 -2^31-1
    SCAN N
      -ERR invalid cursor <- 2^64 1e400 -1e400 x 1.5 inf nan
      ? <- -1 min min+1 min-1 -2^62 min/1000-1 -2^31-1 +1 -0
    SCAN 0 COUNT N
      -ERR syntax error <- 0 -1 min min+1 -2^62 min/1000-1 -2^31-1
      -ERR value is not an integer or out of range <- *
    HSCAN h N
      -ERR invalid cursor <- 2^64 1e400 -1e400 x 1.5 inf nan
      ? <- -1 min min+1 min-1 -2^62 min/1000-1 -2^31-1 +1 -0
    HSCAN h 0 COUNT N
      -ERR syntax error <- 0 -1 min min+1 -2^62 min/1000-1 -2^31-1
      -ERR value is not an integer or out of range <- *
    SSCAN t 0 COUNT N
      -ERR syntax error <- 0 -1 min min+1 -2^62 min/1000-1 -2^31-1
      -ERR value is not an integer or out of range <- *
    SELECT N
      -ERR DB index is out of range <- -1
      -ERR value is out of range, value must between -2147483648 and 2147483647 <- max min max-1 min+1 2^62 -2^62 max/1000 max/1000+1 min/1000-1 2^32 2^31 -2^31-1
      -ERR value is not an integer or out of range <- *
    SWAPDB 0 N
      -ERR DB index is out of range <- -1
      -ERR invalid second DB index <- * max min max-1 min+1 2^62 -2^62 max/1000 max/1000+1 min/1000-1 2^32 2^31 -2^31-1
    SWAPDB N 0
      -ERR DB index is out of range <- -1
      -ERR invalid first DB index <- * max min max-1 min+1 2^62 -2^62 max/1000 max/1000+1 min/1000-1 2^32 2^31 -2^31-1
    MOVE s N
      -ERR source and destination objects are the same <- 0
      -ERR DB index is out of range <- -1
      -ERR value is out of range, value must between -2147483648 and 2147483647 <- max min max-1 min+1 2^62 -2^62 max/1000 max/1000+1 min/1000-1 2^32 2^31 -2^31-1
      -ERR value is not an integer or out of range <- *
    COPY s k DB N
      -ERR DB index is out of range <- -1
      -ERR value is out of range, value must between -2147483648 and 2147483647 <- max min max-1 min+1 2^62 -2^62 max/1000 max/1000+1 min/1000-1 2^32 2^31 -2^31-1
      -ERR value is not an integer or out of range <- *
    XADD x N f v
      -ERR The ID specified in XADD must be greater than 0-0 <- 0 00
      -ERR The ID specified in XADD is equal or smaller than the target stream top item <- 1
      -ERR Invalid stream ID specified as stream command argument <- -1 min min+1 min-1 -2^62 min/1000-1 -2^31-1 2^64 1e400 -1e400 "" x 1.5 -0 inf nan
      ? <- +1
    XADD x N-* f v
      -ERR The ID specified in XADD is equal or smaller than the target stream top item <- 0 1 00
      -ERR Invalid stream ID specified as stream command argument <- -1 min min+1 min-1 -2^62 min/1000-1 -2^31-1 2^64 1e400 -1e400 "" x 1.5 -0 inf nan
      ? <- +1
    XADD x 5-N f v
      -ERR Invalid stream ID specified as stream command argument <- -1 min min+1 -2^62 min/1000-1 -2^31-1 2^64 1e400 -1e400 "" x 1.5 inf nan
      ? <- min-1 +1 -0
    XADD x MAXLEN N 9-9 f v
      -ERR The MAXLEN argument must be >= 0. <- -1 min min+1 -2^62 min/1000-1 -2^31-1
      -ERR value is not an integer or out of range <- *
    XADD x MAXLEN ~ N 9-9 f v
      -ERR The MAXLEN argument must be >= 0. <- -1 min min+1 -2^62 min/1000-1 -2^31-1
      -ERR value is not an integer or out of range <- *
    XADD x MAXLEN ~ 1 LIMIT N 9-9 f v
      -ERR The LIMIT argument must be >= 0. <- -1 min min+1 -2^62 min/1000-1 -2^31-1
      -ERR value is not an integer or out of range <- *
    XADD x MINID N 9-9 f v
      -ERR Invalid stream ID specified as stream command argument <- -1 min min+1 min-1 -2^62 min/1000-1 -2^31-1 2^64 1e400 -1e400 "" x 1.5 -0 inf nan
      ? <- +1
    XTRIM x MAXLEN N
      -ERR The MAXLEN argument must be >= 0. <- -1 min min+1 -2^62 min/1000-1 -2^31-1
      -ERR value is not an integer or out of range <- *
    XTRIM x MAXLEN ~ 1 LIMIT N
      -ERR The LIMIT argument must be >= 0. <- -1 min min+1 -2^62 min/1000-1 -2^31-1
      -ERR value is not an integer or out of range <- *
    XTRIM x MINID N
      -ERR Invalid stream ID specified as stream command argument <- -1 min min+1 min-1 -2^62 min/1000-1 -2^31-1 2^64 1e400 -1e400 "" x 1.5 -0 inf nan
      ? <- +1
    XRANGE x N +
      -ERR Invalid stream ID specified as stream command argument <- -1 min min+1 min-1 -2^62 min/1000-1 -2^31-1 2^64 1e400 -1e400 "" x 1.5 -0 inf nan
      ? <- +1
    XRANGE x - N
      -ERR Invalid stream ID specified as stream command argument <- -1 min min+1 min-1 -2^62 min/1000-1 -2^31-1 2^64 1e400 -1e400 "" x 1.5 -0 inf nan
      ? <- +1
    XRANGE x (N +
      -ERR Invalid stream ID specified as stream command argument <- -1 min min+1 min-1 -2^62 min/1000-1 -2^31-1 2^64 1e400 -1e400 "" x 1.5 -0 inf nan
      ? <- +1
    XRANGE x - (N
      -ERR Invalid stream ID specified as stream command argument <- -1 min min+1 min-1 -2^62 min/1000-1 -2^31-1 2^64 1e400 -1e400 "" x 1.5 -0 inf nan
      ? <- +1
    XREVRANGE x + N COUNT N
      -ERR Invalid stream ID specified as stream command argument <- -1 min min+1 min-1 -2^62 min/1000-1 -2^31-1 2^64 1e400 -1e400 "" x 1.5 -0 inf nan
      -ERR value is not an integer or out of range <- max+1 2^64-1 00
      ? <- +1
    XRANGE x - + COUNT N
      -ERR value is not an integer or out of range <- *
    XREAD COUNT N STREAMS x 0
      -ERR value is not an integer or out of range <- *
    XREAD STREAMS x N
      -ERR Invalid stream ID specified as stream command argument <- -1 min min+1 min-1 -2^62 min/1000-1 -2^31-1 2^64 1e400 -1e400 "" x 1.5 -0 inf nan
      ? <- +1
    XREADGROUP GROUP g c COUNT N STREAMS x >
      -ERR value is not an integer or out of range <- *
    XREADGROUP GROUP g c STREAMS x N
      -ERR Invalid stream ID specified as stream command argument <- -1 min min+1 min-1 -2^62 min/1000-1 -2^31-1 2^64 1e400 -1e400 "" x 1.5 -0 inf nan
      ? <- +1
    XCLAIM x g d N 1-1
      -ERR Invalid min-idle-time argument for XCLAIM <- *
      ? <- 1
    XCLAIM x g d 0 N
      -ERR Unrecognized XCLAIM option '-1' <- -1
      -ERR Unrecognized XCLAIM option '-9223372036854775808' <- min
      -ERR Unrecognized XCLAIM option '-9223372036854775807' <- min+1
      -ERR Unrecognized XCLAIM option '-9223372036854775809' <- min-1
      -ERR Unrecognized XCLAIM option '-4611686018427387904' <- -2^62
      -ERR Unrecognized XCLAIM option '-9223372036854776' <- min/1000-1
      -ERR Unrecognized XCLAIM option '-2147483649' <- -2^31-1
      -ERR Unrecognized XCLAIM option '18446744073709551616' <- 2^64
      -ERR Unrecognized XCLAIM option '1e400' <- 1e400
      -ERR Unrecognized XCLAIM option '-1e400' <- -1e400
      -ERR Unrecognized XCLAIM option '' <- ""
      -ERR Unrecognized XCLAIM option 'x' <- x
      -ERR Unrecognized XCLAIM option '1.5' <- 1.5
      -ERR Unrecognized XCLAIM option '-0' <- -0
      -ERR Unrecognized XCLAIM option 'inf' <- inf
      -ERR Unrecognized XCLAIM option 'nan' <- nan
      ? <- +1
    XCLAIM x g d 0 1-1 IDLE N
      -ERR Invalid IDLE option argument for XCLAIM <- *
    XCLAIM x g d 0 1-1 TIME N
      -ERR Invalid TIME option argument for XCLAIM <- *
    XCLAIM x g d 0 1-1 RETRYCOUNT N
      -ERR Invalid RETRYCOUNT option argument for XCLAIM <- *
    XCLAIM x g d 0 1-1 LASTID N
      -ERR Invalid stream ID specified as stream command argument <- -1 min min+1 min-1 -2^62 min/1000-1 -2^31-1 2^64 1e400 -1e400 "" x 1.5 -0 inf nan
      ? <- +1
    XAUTOCLAIM x g d N 0
      -ERR Invalid min-idle-time argument for XAUTOCLAIM <- *
    XAUTOCLAIM x g d 0 N
      -ERR Invalid stream ID specified as stream command argument <- -1 min min+1 min-1 -2^62 min/1000-1 -2^31-1 2^64 1e400 -1e400 "" x 1.5 -0 inf nan
      ? <- +1
    XAUTOCLAIM x g d 0 (N
      -ERR Invalid stream ID specified as stream command argument <- -1 min min+1 min-1 -2^62 min/1000-1 -2^31-1 2^64 1e400 -1e400 "" x 1.5 -0 inf nan
      ? <- +1
    XAUTOCLAIM x g d 0 0 COUNT N
      -ERR COUNT must be > 0 <- * 0 -1 max min max-1 min+1 2^62 -2^62 min/1000-1 -2^31-1
      ? <- max/1000 max/1000+1
    XPENDING x g IDLE N - + 10
      -ERR value is not an integer or out of range <- *
    XPENDING x g - + N
      -ERR value is not an integer or out of range <- *
    XPENDING x g N + 10
      -ERR Invalid stream ID specified as stream command argument <- -1 min min+1 min-1 -2^62 min/1000-1 -2^31-1 2^64 1e400 -1e400 "" x 1.5 -0 inf nan
      ? <- +1
    XGROUP CREATE x k N
      -ERR Invalid stream ID specified as stream command argument <- -1 min min+1 min-1 -2^62 min/1000-1 -2^31-1 2^64 1e400 -1e400 "" x 1.5 -0 inf nan
      ? <- +1
    XGROUP CREATE x k 0 ENTRIESREAD N
      -ERR value for ENTRIESREAD must be positive or -1 <- min min+1 -2^62 min/1000-1 -2^31-1
      -ERR value is not an integer or out of range <- *
    XGROUP SETID x g N
      -ERR Invalid stream ID specified as stream command argument <- -1 min min+1 min-1 -2^62 min/1000-1 -2^31-1 2^64 1e400 -1e400 "" x 1.5 -0 inf nan
      ? <- +1
    XGROUP SETID x g 0 ENTRIESREAD N
      -ERR value for ENTRIESREAD must be positive or -1 <- min min+1 -2^62 min/1000-1 -2^31-1
      -ERR value is not an integer or out of range <- *
    XSETID x N
      -ERR The ID specified in XSETID is smaller than the target stream top item <- 0 1 00
      -ERR Invalid stream ID specified as stream command argument <- -1 min min+1 min-1 -2^62 min/1000-1 -2^31-1 2^64 1e400 -1e400 "" x 1.5 -0 inf nan
      ? <- +1
    XSETID x 5-5 ENTRIESADDED N MAXDELETEDID 0-0
      -ERR The entries_added specified in XSETID is smaller than the target stream length <- 0 1
      -ERR entries_added must be positive <- -1 min min+1 -2^62 min/1000-1 -2^31-1
      -ERR value is not an integer or out of range <- *
    XSETID x 5-5 ENTRIESADDED 10 MAXDELETEDID N
      -ERR Invalid stream ID specified as stream command argument <- -1 min min+1 min-1 -2^62 min/1000-1 -2^31-1 2^64 1e400 -1e400 "" x 1.5 -0 inf nan
      -ERR The ID specified in XSETID is smaller than the provided max_deleted_entry_id <- max max-1 max+1 2^62 max/1000 max/1000+1 2^32 2^31 2^64-1
      ? <- +1
    XDEL x N
      -ERR Invalid stream ID specified as stream command argument <- -1 min min+1 min-1 -2^62 min/1000-1 -2^31-1 2^64 1e400 -1e400 "" x 1.5 -0 inf nan
      ? <- +1
    XACK x g N
      -ERR Invalid stream ID specified as stream command argument <- -1 min min+1 min-1 -2^62 min/1000-1 -2^31-1 2^64 1e400 -1e400 "" x 1.5 -0 inf nan
      ? <- +1
    XINFO STREAM x FULL COUNT N
      -ERR value is not an integer or out of range <- *
    CLIENT KILL ID N
      -ERR client-id should be greater than 0 <- * 0 -1 min min+1 -2^62 min/1000-1 -2^31-1
    CLIENT UNBLOCK N
      -ERR value is not an integer or out of range <- *
    CLIENT LIST ID N
      -ERR Invalid client ID <- *
    SLOWLOG GET N
      -ERR count should be greater than or equal to -1 <- * min min+1 -2^62 min/1000-1 -2^31-1
    HELLO N
      -NOPROTO unsupported protocol version <- 0 1 -1 max min max-1 min+1 2^62 -2^62 max/1000 max/1000+1 min/1000-1 2^32 2^31 -2^31-1
      -ERR Protocol version is not an integer or out of range <- *
    EVAL return/**/1 N
      -ERR Number of keys can't be greater than number of args <- 1 max max-1 2^62 max/1000 max/1000+1 2^32 2^31
      -ERR Number of keys can't be negative <- -1 min min+1 -2^62 min/1000-1 -2^31-1
      -ERR value is not an integer or out of range <- *
    LCS s n MINMATCHLEN N IDX
      -ERR value is not an integer or out of range <- *
    MEMORY USAGE s SAMPLES N
      -ERR syntax error <- -1 min min+1 -2^62 min/1000-1 -2^31-1
      -ERR value is not an integer or out of range <- *
    ACL GENPASS N
      -ERR ACL GENPASS argument must be the number of bits for the output password, a positive number up to 4096 <- 0 -1 max min max-1 min+1 2^62 -2^62 max/1000 max/1000+1 min/1000-1 2^32 2^31 -2^31-1
      -ERR value is not an integer or out of range <- *
    COMMAND GETKEYS EVAL x N a
      ? <- min+1 1e400 1.5 +1
    COMMAND GETKEYS ZUNIONSTORE d N a b
      -ERR Invalid arguments specified for command <- 0 -1 max min max-1 max+1 min-1 2^62 -2^62 max/1000 max/1000+1 min/1000-1 2^32 2^31 -2^31-1 2^64-1 2^64 -1e400 "" x -0 00 inf nan
      ? <- min+1 1e400 1.5 +1
    """
