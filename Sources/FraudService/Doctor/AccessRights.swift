/// The rights in Kafka that the service needs, and no more, as commands.
struct AccessRights {
    let settings: Settings

    var text: String {
        var lines = [
            "# The rights of Tripline's user in Kafka. Put its name in PRINCIPAL, then run these as an administrator.",
            "PRINCIPAL='User:tripline'",
            "",
            "# Reads payments, looks at the topic's properties at start.",
            command("--operation Read --operation Describe --operation DescribeConfigs --topic \(settings.input.topic)"),
            "",
            "# Writes what it makes of them, looks at the topics' properties at start.",
        ]
        let output = settings.output
        for topic in [output.alerts, output.shadow, output.late, output.deadLetters] {
            lines.append(command("--operation Write --operation Describe --operation DescribeConfigs --topic \(topic)"))
        }
        lines += [
            "",
            "# Its consumer group, and the offsets it commits in transactions.",
            command("--operation Read --operation Describe --group \(settings.group)"),
            "",
            "# Its transactional ids: \(settings.group).<instance>.<worker>.",
            command(
                "--operation Write --operation Describe --transactional-id \(settings.group). --resource-pattern-type prefixed"),
            "",
            "# Only for brokers before 3.0: later ones take the right to write a topic for it.",
            command("--operation IdempotentWrite --cluster"),
            "",
            "# Only for `tripline doctor`: how long offsets of an idle group are kept is a property of the brokers.",
            command("--operation DescribeConfigs --cluster"),
        ]
        lines += ["", "# Only for `tripline verify`: reads what was written."]
        for topic in [output.alerts, output.shadow, output.late, output.deadLetters] { lines.append(command("--operation Read --topic \(topic)")) }
        return lines.joined(separator: "\n") + "\n"
    }

    private func command(_ rights: String) -> String {
        "kafka-acls.sh --bootstrap-server \(settings.kafka.bootstrapServers) --add --allow-principal \"$PRINCIPAL\" \(rights)"
    }
}
