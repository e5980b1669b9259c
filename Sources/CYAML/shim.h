// libyaml's event parser. The event's union is read through these shims, so that Swift sees plain pointers.
#pragma once
#include <yaml.h>

/// The anchor of a scalar, sequence or mapping event, or the name of an alias; NULL where there is none.
static inline const yaml_char_t *tripline_yaml_anchor(const yaml_event_t *event) {
    switch (event->type) {
    case YAML_ALIAS_EVENT: return event->data.alias.anchor;
    case YAML_SCALAR_EVENT: return event->data.scalar.anchor;
    case YAML_SEQUENCE_START_EVENT: return event->data.sequence_start.anchor;
    case YAML_MAPPING_START_EVENT: return event->data.mapping_start.anchor;
    default: return 0;
    }
}

/// The explicit tag of a scalar, sequence or mapping event; NULL where there is none.
static inline const yaml_char_t *tripline_yaml_tag(const yaml_event_t *event) {
    switch (event->type) {
    case YAML_SCALAR_EVENT: return event->data.scalar.tag;
    case YAML_SEQUENCE_START_EVENT: return event->data.sequence_start.tag;
    case YAML_MAPPING_START_EVENT: return event->data.mapping_start.tag;
    default: return 0;
    }
}

/// The bytes of a scalar event; they live until yaml_event_delete.
static inline const yaml_char_t *tripline_yaml_value(const yaml_event_t *event) { return event->data.scalar.value; }
static inline size_t tripline_yaml_length(const yaml_event_t *event) { return event->data.scalar.length; }
static inline int tripline_yaml_style(const yaml_event_t *event) { return (int)event->data.scalar.style; }
