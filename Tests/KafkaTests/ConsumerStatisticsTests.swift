import Testing

@testable import Kafka

struct ConsumerStatisticsTests {
    private func ends(_ json: String) -> [PartitionEnds] { Array(json.utf8).withUnsafeBytes { PartitionEnds.read($0) } }

    @Test func `both ends of each partition are read, those that are not fetched left out`() {
        let json = #"""
            {"name":"tripline#consumer-1","brokers":{"b:1/1":{"toppars":{"payments-0":{"topic":"payments","partition":3}}}},
            "topics":{"payments":{"topic":"payments","partitions":{
            "0":{"partition":0,"lo_offset":-1001,"hi_offset":120,"ls_offset":100,"consumer_lag":-1},
            "-1":{"partition":-1,"lo_offset":-1001,"hi_offset":-1001,"ls_offset":-1001},
            "2":{"partition":2,"lo_offset":0,"hi_offset":7,"ls_offset":7}}}},"cgrp":{"state":"up"}}
            """#
        #expect(ends(json) == [PartitionEnds(partition: 0, high: 120, stable: 100), PartitionEnds(partition: 2, high: 7, stable: 7)])
    }

    @Test func `a text of another shape gives nothing`() {
        for json in ["", "{}", #"{"partitions":{"partition":"#, #"{"partitions":{"partition":1,"hi_offset":99999999999999999999,"ls_offset":1}"#] {
            #expect(ends(json) == [], "\(json)")
        }
    }
}
