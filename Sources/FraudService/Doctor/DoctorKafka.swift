import FraudEngine
import Glibc
import Kafka

/// Brokers, topics and the group. Asks only; the one trace it leaves is the transactional id `<group>.doctor`, which no worker has.
final class DoctorKafka {
    static let timeout: Int32 = 5_000
    static let rightsCure = "give it the right: `tripline doctor --acls` prints the commands"

    let settings: Settings
    let admin: Admin
    /// Not subscribed: it never is a member.
    let consumer: Consumer

    static func look(_ settings: Settings, _ report: inout DoctorReport) {
        do throws(KafkaError) {
            let doctor = try DoctorKafka(settings)
            doctor.look(&report)
            doctor.end()
        } catch {
            report.add(.fail("kafka", .usage, error.message, "mend kafka.properties, kafka.consumer_properties"))
        }
    }

    private init(_ settings: Settings) throws(KafkaError) {
        self.settings = settings
        admin = try Admin(properties: settings.clientProperties)
        consumer = try Consumer(properties: settings.consumerProperties)
    }

    private func end() {
        consumer.close()
        admin.destroy()
    }

    private func look(_ report: inout DoctorReport) {
        let brokers: [Int32]
        do throws(KafkaError) {
            try admin.checkReachable(timeoutMilliseconds: Self.timeout)
            brokers = try admin.brokers(timeoutMilliseconds: Self.timeout)
        } catch {
            report.add(.fail("kafka", .unreachable, error.message, "check kafka.bootstrap_servers and whether the brokers are up"))
            return
        }
        let count = brokers.count == 1 ? "1 broker answers" : "\(brokers.count) brokers answer"
        report.add(.ok("kafka", "\(count) at \(settings.kafka.bootstrapServers)"))
        report.add(.ok("librdkafka", ClientLibrary.version + (ClientLibrary.advisory.map { "; \($0)" } ?? "")))
        lookAtTransactions(&report)
        guard let partitions = lookAtTopics(&report) else { return }
        lookAtGroup(&report, partitions: partitions, broker: brokers.first)
    }

    private func lookAtTransactions(_ report: inout DoctorReport) {
        do throws(KafkaError) {
            var properties = settings.producerProperties
            properties.set("transactional.id", "\(settings.group).doctor")
            let producer = try TransactionalProducer(properties: properties)
            defer { producer.destroy() }
            try producer.initTransactions(timeoutMilliseconds: 15_000)
            report.add(.ok("transactions", "the brokers give transactional ids"))
        } catch {
            if error.isUnsupported {
                report.add(.fail("transactions", .refused, "the brokers do not support them (\(error.message))", "Kafka 2.5 or newer is needed"))
            } else {
                let cure = error.isUnauthorized ? Self.rightsCure : "see the brokers' logs; transaction.state.log.* decide how many brokers they need"
                report.add(.fail("transactions", error.isUnauthorized ? .refused : .unreachable, error.message, cure))
            }
        }
    }

    // MARK: The group

    private func lookAtGroup(_ report: inout DoctorReport, partitions: Int, broker: Int32?) {
        var isIdle = true
        do throws(KafkaError) {
            let group = try admin.group(settings.group, timeoutMilliseconds: Self.timeout)
            isIdle = group?.members.isEmpty ?? true
            describe(group, &report)
        } catch {
            let cure = error.isUnauthorized ? Self.rightsCure : "see the brokers' logs: the group has no coordinator now"
            report.add(.fail("group", error.isUnauthorized ? .refused : .unreachable, error.message, cure))
            return
        }
        let hasOffsets = DoctorOffsets(settings: settings, consumer: consumer, partitionCount: partitions).look(&report)
        if hasOffsets, let broker { lookAtOffsetRetention(&report, broker: broker, isIdle: isIdle) }
    }

    private func describe(_ group: GroupDescription?, _ report: inout DoctorReport) {
        guard let group, !group.members.isEmpty else {
            return report.add(.ok("group", "'\(settings.group)' has no member; \(group == nil ? "it is new" : "it is idle")"))
        }
        let hosts = Set(group.members.map(\.host)).sorted()
        let detail = "'\(settings.group)' is \(group.state) with \(group.memberCount) members on \(hosts.joined(separator: ", "))"
        report.add(.ok("group", detail))
        let twins = group.members.filter { member in (0..<settings.workers).contains { member.id.hasPrefix("\(settings.instance).\($0)-") } }
        if let twin = twins.first {
            let isHere = LocalAddresses.all.contains(String(twin.host.drop { $0 == "/" }))
            report.add(
                isHere
                    ? .ok("instance", "'\(settings.instance)' runs on this machine")
                    : .warn(
                        "instance", "'\(settings.instance)' is in use on \(twin.host)",
                        "give each process an `instance` of its own, or the later one fences the earlier"))
        }
        let others = group.members.count - twins.count
        if case .directory(let folder) = settings.checkpoint.store, others > 0,
            hosts.contains(where: { !LocalAddresses.all.contains(String($0.drop { $0 == "/" })) })
        {
            report.add(
                .warn(
                    "checkpoint store", "instances on other machines need the checkpoints in '\(folder)'",
                    "make sure that all of them mount this folder from one place, not a disk of their own"))
        }
    }

    private func lookAtOffsetRetention(_ report: inout DoctorReport, broker: Int32, isIdle: Bool) {
        do throws(KafkaError) {
            let text = try admin.properties(of: .broker(broker), timeoutMilliseconds: Self.timeout).value(of: "offsets.retention.minutes")
            guard let minutes = text.flatMap({ Int64($0) }) else { return }
            let detail = "an idle group's offsets are kept for \(minutes / 60) h\(isIdle ? ", and this one is idle" : "")"
            let isLong = minutes >= 7 * 24 * 60
            report.add(
                isLong
                    ? .ok("offsets retention", detail)
                    : .warn("offsets retention", detail, "raise offsets.retention.minutes to 10080 or more: partitions without their offset are refused"))
        } catch {
            let detail = "it cannot be read how long an idle group's offsets are kept (\(error.message))"
            report.add(.ok("offsets retention", error.isUnauthorized ? "\(detail); \(Self.rightsCure)" : detail))
        }
    }
}

/// This machine's addresses.
private enum LocalAddresses {
    static let all: Set<String> = {
        var found: Set<String> = []
        var list: UnsafeMutablePointer<ifaddrs>?
        guard getifaddrs(&list) == 0 else { return found }
        defer { freeifaddrs(list) }
        var next = list
        while let entry = next?.pointee {
            next = entry.ifa_next
            guard let address = entry.ifa_addr else { continue }
            let size = address.pointee.sa_family == UInt16(AF_INET6) ? MemoryLayout<sockaddr_in6>.size : MemoryLayout<sockaddr_in>.size
            var text = [CChar](repeating: 0, count: Int(NI_MAXHOST))
            guard getnameinfo(address, socklen_t(size), &text, socklen_t(text.count), nil, 0, NI_NUMERICHOST) == 0 else { continue }
            found.insert(String(decoding: text.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }, as: UTF8.self))
        }
        return found
    }()
}
