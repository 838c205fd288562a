"""A snapshot and its fields."""

from __future__ import annotations

from ctypes import byref
from datetime import datetime, timedelta, timezone
from enum import Enum
from itertools import repeat
from json import loads
from re import fullmatch
from types import MappingProxyType
from typing import (
    TYPE_CHECKING,
    Any,
    Callable,
    Dict,
    Generic,
    Iterator,
    List,
    Mapping,
    NamedTuple,
    NoReturn,
    Optional,
    Sequence,
    Tuple,
    Type,
    TypeVar,
    Union,
    overload,
)

from ._errors import AtlasError, from_library
from ._library import ABSENT, FIELDS_SIZE, Error, ListHandle, Owned, SnapshotFields, SnapshotHandle, lib
from ._text import printable

T = TypeVar("T")
_UNIX_EPOCH = datetime(1970, 1, 1, tzinfo=timezone.utc)


class OpenEnum(str, Enum):
    """Text of which Atlas documents some values, but may send others.

    Members are text: ``snapshot.status == "completed"``. A value that is new to this package becomes a member too,
    named UNKNOWN, that keeps the text; two of them are equal (``==``, not ``is``) if their texts are. In a snapshot the
    known values are recognised in upper and lower case; its ``…_text`` attributes tell how Atlas spelt them.
    """

    @classmethod
    def _missing_(cls, value: object) -> Optional[OpenEnum]:
        if not isinstance(value, str):
            return None
        member = str.__new__(cls, value)
        member._name_ = "UNKNOWN"
        member._value_ = str(value)
        return member

    def __str__(self) -> str:
        return str(self.value)

    def __format__(self, form: str) -> str:
        return format(str(self.value), form)

    def __reduce_ex__(self, protocol: Any) -> Tuple[Any, ...]:
        return type(self), (self.value,)


# In the order of the library's codes, which begin at 1.


class Status(OpenEnum):
    """How far a snapshot is. Only this tells: a snapshot in progress may already have its date and size."""

    QUEUED = "queued"
    IN_PROGRESS = "inProgress"
    COMPLETED = "completed"
    FAILED = "failed"


class CloudProvider(OpenEnum):
    """Where a snapshot is kept."""

    AWS = "AWS"
    AZURE = "AZURE"
    GCP = "GCP"


class FrequencyType(OpenEnum):
    """Which rule of the backup schedule made a snapshot."""

    HOURLY = "hourly"
    DAILY = "daily"
    WEEKLY = "weekly"
    MONTHLY = "monthly"
    YEARLY = "yearly"
    ON_DEMAND = "ondemand"


class SnapshotType(OpenEnum):
    """Why a snapshot was made."""

    ON_DEMAND = "onDemand"
    SCHEDULED = "scheduled"
    FALLBACK = "fallback"


class ClusterType(OpenEnum):
    """What was backed up."""

    REPLICA_SET = "replicaSet"
    SHARDED_CLUSTER = "shardedCluster"


class Link(NamedTuple):
    """A link to something related, as Atlas sends it."""

    href: Optional[str]
    rel: Optional[str]


class Member(NamedTuple):
    """The part of a sharded cluster's snapshot that belongs to one shard or to the config servers."""

    id: Optional[str]
    cloud_provider: Optional[str]
    replica_set_name: Optional[str]


class Headers(Mapping[str, str]):
    """HTTP headers of an answer. Names are found in any case; of several headers with one name the first counts."""

    def __init__(self, headers: List[Tuple[str, str]]) -> None:
        self._headers: Dict[str, Tuple[str, str]] = {}
        for name, value in headers:
            self._headers.setdefault(name.lower(), (name, value))

    def __getitem__(self, name: str) -> str:
        return self._headers[name.lower()][1]

    def __iter__(self) -> Iterator[str]:
        return (name for name, _ in self._headers.values())

    def __len__(self) -> int:
        return len(self._headers)

    def __repr__(self) -> str:
        return f"Headers({list(self._headers.values())!r})"


# The fields. An attribute of Snapshot is one line: its kind and its documentation. Its name is that of a member of
# SnapshotFields. The names of members are made once: Python finds a name quicker that it was asked for before.


class Field(property, Generic[T]):
    """An attribute that is worked out each time it is asked for, from what one call of the library told."""

    name: str
    member: str

    def __init__(self, documentation: Optional[str]) -> None:
        super().__init__(self.read, self.refuse)
        self.__doc__ = documentation

    def __set_name__(self, owner: Type[Snapshot], name: str) -> None:
        self.name = self.member = name

    def read(self, snapshot: Snapshot) -> T:
        """Works the value out."""
        raise NotImplementedError

    def refuse(self, snapshot: Snapshot, value: object) -> NoReturn:
        raise AttributeError(f"{self.name} cannot be set: a snapshot is what Atlas sent")

    if TYPE_CHECKING:

        @overload  # type: ignore[override]
        def __get__(self, snapshot: None, owner: Any) -> Field[T]: ...
        @overload
        def __get__(self, snapshot: Snapshot, owner: Any) -> T: ...
        def __get__(self, snapshot: Optional[Snapshot], owner: Any) -> Union[Field[T], T]: ...


class Kept(Field[T]):
    """An attribute that is worked out once."""

    def read(self, snapshot: Snapshot) -> T:
        values = snapshot._values
        name = self.name
        if name in values:
            return values[name]  # type: ignore[no-any-return]
        value = values[name] = self.make(snapshot)
        return value

    def make(self, snapshot: Snapshot) -> T:
        raise NotImplementedError


class Text(Field[Optional[str]]):
    """Text as Atlas spells it. An attribute named ``created_at_text`` is the text of ``created_at``."""

    def __set_name__(self, owner: Type[Snapshot], name: str) -> None:
        super().__set_name__(owner, name)
        suffix = "_text"
        self.member = name[: -len(suffix)] if name.endswith(suffix) else name

    def read(self, snapshot: Snapshot) -> Optional[str]:
        text = getattr(snapshot._struct or snapshot._read(), self.member)
        return None if text is None else text.decode()


E = TypeVar("E", bound=OpenEnum)


class Choice(Field[Optional[E]]):
    """Text with documented values. The library says which of them it is."""

    def __init__(self, members: Type[E], documentation: str) -> None:
        super().__init__(documentation)
        self.members = members
        self.by_code: Tuple[Optional[E], ...] = (None, *members)

    def __set_name__(self, owner: Type[Snapshot], name: str) -> None:
        super().__set_name__(owner, name)
        self.code = f"{name}_code"

    def read(self, snapshot: Snapshot) -> Optional[E]:
        struct = snapshot._struct or snapshot._read()
        code: int = getattr(struct, self.code)
        if 0 < code < len(self.by_code):
            return self.by_code[code]
        text: Optional[bytes] = getattr(struct, self.member)
        return None if text is None else self.members(text.decode())


class Time(Kept[Optional[datetime]]):
    def __set_name__(self, owner: Type[Snapshot], name: str) -> None:
        super().__set_name__(owner, name)
        self.member = f"{name}_ms"

    def make(self, snapshot: Snapshot) -> Optional[datetime]:
        milliseconds = getattr(snapshot._struct or snapshot._read(), self.member)
        if milliseconds == ABSENT:
            return None
        seconds, rest = divmod(milliseconds, 1000)
        try:
            time = datetime.fromtimestamp(seconds, timezone.utc)
        except (OverflowError, ValueError):  # before year 1 or after year 9999
            return None
        return time.replace(microsecond=rest * 1000) if rest else time


class Integer(Field[Optional[int]]):
    def read(self, snapshot: Snapshot) -> Optional[int]:
        number: int = getattr(snapshot._struct or snapshot._read(), self.member)
        return None if number == ABSENT else number


class Array(Kept[Tuple[T, ...]]):
    """A list: ``copy_regions`` from ``copy_region_count`` and ``copy_regions``."""

    def __set_name__(self, owner: Type[Snapshot], name: str) -> None:
        super().__set_name__(owner, name)
        self.count = f"{name[:-1]}_count"


class Texts(Array[str]):
    def make(self, snapshot: Snapshot) -> Tuple[str, ...]:
        struct = snapshot._struct or snapshot._read()
        count: int = getattr(struct, self.count)
        return tuple(map(bytes.decode, getattr(struct, self.member)[:count])) if count else ()


def _text(text: Optional[bytes]) -> Optional[str]:
    return None if text is None else text.decode()


R = TypeVar("R", bound=NamedTuple)


class Rows(Array[R]):
    def __init__(self, row: Type[R], documentation: str) -> None:
        super().__init__(documentation)
        self.row = row
        self.width = len(row._fields)

    def make(self, snapshot: Snapshot) -> Tuple[R, ...]:
        struct = snapshot._struct or snapshot._read()
        count: int = getattr(struct, self.count)
        if not count:
            return ()
        elements = getattr(struct, self.member)[: count * self.width]
        texts = map(_text if None in elements else bytes.decode, elements)
        return tuple(map(tuple.__new__, repeat(self.row), zip(*[texts] * self.width)))


class HttpStatus(Kept[Optional[int]]):
    def make(self, snapshot: Snapshot) -> Optional[int]:
        return getattr(snapshot._struct or snapshot._read(), self.member) or None


class Answer(Kept[T]):
    """Not one field of the document, but something about the answer as a whole."""

    def __init__(self, ask: Callable[[SnapshotHandle], T], documentation: str) -> None:
        super().__init__(documentation)
        self.ask = ask

    def make(self, snapshot: Snapshot) -> T:
        return self.ask(snapshot._handle)


def _json(handle: SnapshotHandle) -> bytes:
    body: bytes = lib.atlas_snapshot_json(handle, None)
    return body


def _names(handle: SnapshotHandle) -> List[bytes]:
    return [lib.atlas_snapshot_field_name(handle, i) for i in range(lib.atlas_snapshot_field_count(handle))]


def _fields(handle: SnapshotHandle) -> Mapping[str, str]:
    names = _names(handle)
    return MappingProxyType({name.decode(): lib.atlas_snapshot_field(handle, name).decode() for name in names})


def _headers(handle: SnapshotHandle) -> Headers:
    name, value = lib.atlas_snapshot_header_name, lib.atlas_snapshot_header_value
    return Headers(
        [
            (name(handle, i).decode("utf-8", "replace"), value(handle, i).decode("utf-8", "replace"))
            for i in range(lib.atlas_snapshot_header_count(handle))
        ]
    )


class Snapshot:
    """One cloud backup snapshot, as Atlas sent it.

    The methods of Client and Snapshot.parse make one. Each attribute may be missing: Atlas sends the fields in stages
    while it takes a snapshot. A field that was not sent, or is null, or has another type than documented is None, and
    a list is empty; `field` and `fields` still have what was sent.

    A snapshot does not change and needs no network, client or closing. Threads may share it. Pickling keeps all of it.
    Two are equal if Atlas sent the same bytes (`json`) for both. One from a list keeps the whole list in memory;
    ``copy.copy`` makes one that does not.
    """

    __slots__ = ("_handle", "_owner", "_struct", "_values", "__weakref__")

    id: Field[Optional[str]] = Text("""Unique id, 24 hexadecimal digits.""")
    status: Field[Optional[Status]] = Choice(Status, """How far the snapshot is.""")
    description: Field[Optional[str]] = Text("""The label that people gave to an on-demand snapshot.""")
    created_at: Field[Optional[datetime]] = Time(
        """When Atlas took the snapshot (UTC, to the millisecond), None also if the date cannot be read."""
    )
    expires_at: Field[Optional[datetime]] = Time(
        """When Atlas will delete it (UTC); changes once when the snapshot completes."""
    )
    storage_size_bytes: Field[Optional[int]] = Integer("""Size in bytes, 0 until it is known.""")
    snapshot_type: Field[Optional[SnapshotType]] = Choice(
        SnapshotType, """Why the snapshot was made: on demand, by the schedule, or as a fallback."""
    )
    frequency_type: Field[Optional[FrequencyType]] = Choice(FrequencyType, """Which rule of the schedule made it.""")
    type: Field[Optional[ClusterType]] = Choice(
        ClusterType, """What was backed up: a replica set or a sharded cluster."""
    )
    cloud_provider: Field[Optional[CloudProvider]] = Choice(
        CloudProvider, """Where it is kept. For a sharded cluster see `members`."""
    )
    replica_set_name: Field[Optional[str]] = Text("""Name of the replica set. For a sharded cluster see `members`.""")
    config_server_type: Field[Optional[str]] = Text(
        """EMBEDDED or DEDICATED: the config servers of a sharded cluster."""
    )
    mongod_version: Field[Optional[str]] = Text("""Version of MongoDB that ran, "8.0.24-rc0" say.""")
    master_key_uuid: Field[Optional[str]] = Text(
        """Id of the AWS KMS key that encrypts the snapshot; none if it isn't encrypted so."""
    )
    copy_regions: Field[Tuple[str, ...]] = Texts("""Regions that Atlas copies the snapshot to.""")
    policy_items: Field[Tuple[str, ...]] = Texts("""Ids of the backup policy items that made the snapshot.""")
    links: Field[Tuple[Link, ...]] = Rows(Link, """Links to the snapshot itself and to its cluster.""")
    members: Field[Tuple[Member, ...]] = Rows(
        Member, """Of a sharded cluster: one for each shard and the config servers."""
    )
    snapshot_ids: Field[Tuple[str, ...]] = Texts("""Of a sharded cluster: the ids of the members' own snapshots.""")

    status_text: Field[Optional[str]] = Text("""`status` as Atlas spelt it.""")
    created_at_text: Field[Optional[str]] = Text("""`created_at` as Atlas wrote it, also if it could not be read.""")
    expires_at_text: Field[Optional[str]] = Text("""`expires_at` as Atlas wrote it, also if it could not be read.""")
    snapshot_type_text: Field[Optional[str]] = Text("""`snapshot_type` as Atlas spelt it.""")
    frequency_type_text: Field[Optional[str]] = Text("""`frequency_type` as Atlas spelt it.""")
    type_text: Field[Optional[str]] = Text("""`type` as Atlas spelt it.""")
    cloud_provider_text: Field[Optional[str]] = Text("""`cloud_provider` as Atlas spelt it.""")

    json: Field[bytes] = Answer(
        _json, """The whole body, byte for byte as it was received, envelope included; in a list, the item's bytes."""
    )
    fields: Field[Mapping[str, str]] = Answer(
        _fields, """What Atlas sent, also what this package does not know: name to JSON text as received."""
    )
    http_status: Field[Optional[int]] = HttpStatus(
        """HTTP status of the answer, None in a list or if parsed from text."""
    )
    headers: Field[Headers] = Answer(
        _headers, """HTTP headers of the answer, found in any case. Empty in a list or if parsed from text."""
    )

    _handle: SnapshotHandle
    _owner: Owned
    _struct: Optional[SnapshotFields]
    """All documented fields, once one was asked for: to read all costs little more than to read one."""
    _values: Dict[str, Any]

    def __init__(self, handle: SnapshotHandle, owner: Optional[Owned] = None) -> None:
        """For this package only: takes over `handle`, or borrows it from `owner`."""
        self._handle = handle
        self._owner = Owned(handle, lib.atlas_snapshot_free) if owner is None else owner
        self._struct = None
        self._values = {}

    def _read(self) -> SnapshotFields:
        struct = SnapshotFields()
        lib.atlas_snapshot_read_fields(self._handle, byref(struct), FIELDS_SIZE)
        self._struct = struct
        return struct

    @classmethod
    def parse(cls, json: Union[str, bytes, bytearray, memoryview]) -> Snapshot:
        """Reads a snapshot's JSON that was kept, plain or enveloped.

        Raises InvalidResponseError if it is not one JSON object in UTF-8 (the message says where and what), and the
        error that it would be from the server if it is one.

        >>> Snapshot.parse(b'{"id": "5f4007f327a3bd7b6f4103c5", "status": "inProgress"}')
        <Snapshot 5f4007f327a3bd7b6f4103c5 inProgress>
        """
        return cls(_parse(lib.atlas_snapshot_parse, json))

    def field(self, name: str) -> Optional[str]:
        """The JSON text of a top-level field as received: "null" if it was null, None if it was not sent.

        >>> snapshot = Snapshot.parse('{"isNew": [1, 2], "description": null}')
        >>> snapshot.field("isNew"), snapshot.field("description"), snapshot.field("status")
        ('[1, 2]', 'null', None)
        """
        encoded = name.encode("utf-8", "surrogatepass")
        text = None if b"\0" in encoded else lib.atlas_snapshot_field(self._handle, encoded)
        return None if text is None else text.decode()

    def to_dict(self, *, json: bool = False) -> Dict[str, Any]:
        """The documented fields by the names of the attributes, then what else Atlas sent, by Atlas' names.

        Absent fields are None, lists are lists, links and members are dicts. Other fields, such as Atlas may add one
        day, are what `json.loads` makes of them; one that is named like an attribute is left out (`fields` has it).
        With `json` the dict is ready for `json.dumps`: dates and enumerations are texts as Atlas wrote them.

        >>> snapshot = Snapshot.parse('{"status": "queued", "createdAt": "2026-03-01T06:00:00Z", "isNew": true}')
        >>> fields = snapshot.to_dict()
        >>> fields["created_at"], fields["description"], fields["isNew"]
        (datetime.datetime(2026, 3, 1, 6, 0, tzinfo=datetime.timezone.utc), None, True)
        >>> fields = snapshot.to_dict(json=True)
        >>> fields["status"], fields["created_at"]
        ('queued', '2026-03-01T06:00:00Z')
        """
        names = [TEXTS_OF.get(name, name) for name in DOCUMENTED] if json else DOCUMENTED
        known = {name: _plain(getattr(self, attribute)) for name, attribute in zip(DOCUMENTED, names)}
        others = [name for name in map(bytes.decode, _names(self._handle)) if name not in ATLAS_NAMES]
        more = {name: _value(self.field(name) or "") for name in others}
        return {**more, **known} if known.keys() & more.keys() else {**known, **more}

    def __repr__(self) -> str:
        return printable(f"<Snapshot {self.id} {self.status}>")

    def __eq__(self, other: object) -> bool:
        return self.json == other.json if isinstance(other, Snapshot) else NotImplemented

    def __hash__(self) -> int:
        return hash(self.json)

    def __copy__(self) -> Snapshot:
        copy = type(self)(lib.atlas_snapshot_copy(self._handle))
        copy._values.update(self._values)
        return copy

    def __deepcopy__(self, memo: Any) -> Snapshot:
        return self.__copy__()

    def __reduce__(self) -> Tuple[Any, ...]:
        return _restore, (self.json, self.http_status, list(self.headers.items()))


def _parse(function: Any, json: Union[str, bytes, bytearray, memoryview]) -> Any:
    """The handle that a C function makes of JSON that was kept."""
    if isinstance(json, str):
        json = json.encode("utf-8", "surrogatepass")
    elif not isinstance(json, bytes):
        json = bytes(memoryview(json))
    error = Error()
    handle = function(json, len(json), byref(error))
    if not handle:
        raise from_library(error)
    return handle


DOCUMENTED = tuple(
    name
    for name, field in vars(Snapshot).items()
    if isinstance(field, Field) and not isinstance(field, (Answer, HttpStatus)) and not name.endswith("_text")
)
"""Names of the attributes that are documented fields, in the order above."""
TEXTS_OF = {name: f"{name}_text" for name in DOCUMENTED if hasattr(Snapshot, f"{name}_text")}
"""The attributes that are no text, but have one."""


def _atlas_name(attribute: str) -> str:
    """``masterKeyUUID`` for ``master_key_uuid``."""
    first, *others = attribute.split("_")
    return first + "".join(word.upper() if word == "uuid" else word.title() for word in others)


ATLAS_NAMES = frozenset(map(_atlas_name, DOCUMENTED))


def _plain(value: Any) -> Any:
    if isinstance(value, tuple):
        return [row._asdict() if hasattr(row, "_asdict") else row for row in value]
    return value


def _time_in(snapshot_id: Optional[str]) -> datetime:
    """An id begins with the seconds of its making."""
    digits = fullmatch("([0-9a-f]{8})[0-9a-f]{16}", snapshot_id or "")
    return _UNIX_EPOCH + timedelta(seconds=int(digits[1], 16)) if digits else datetime.min.replace(tzinfo=timezone.utc)


def _value(text: str) -> Any:
    try:
        return loads(text)
    except ValueError:  # a number of more digits than Python takes
        return text


def _restore(json: bytes, http_status: Optional[int], headers: List[Tuple[str, str]]) -> Snapshot:
    """A pickled snapshot again."""
    try:
        snapshot = Snapshot.parse(json)
    except AtlasError:  # a list may hold anything, say a number
        snapshot = SnapshotList.parse(b'{"results":[%s]}' % json)[0]
    snapshot._values.update(json=json, http_status=http_status, headers=Headers(headers))
    return snapshot


class SnapshotList(Sequence[Snapshot]):
    """The snapshots of a cluster, in Atlas' order: a sequence that does not change, as a tuple is.

    Client.list_snapshots, Client.list_sharded_snapshots and SnapshotList.parse make one, and slices of it are others. It
    needs no network, client or closing. Threads may share it. Pickling keeps all of it.
    """

    __slots__ = ("_at", "_places", "_total_count", "__weakref__")

    def __init__(self, at: Callable[[int], Snapshot], places: Sequence[int], total_count: Optional[int]) -> None:
        """For this package only."""
        self._at = at
        self._places = places
        self._total_count = total_count

    @classmethod
    def _of(cls, handle: ListHandle) -> SnapshotList:
        """Takes over `handle`."""
        owner = Owned(handle, lib.atlas_snapshot_list_free)
        get = lib.atlas_snapshot_list_get
        total_count: int = lib.atlas_snapshot_list_total_count(handle)
        return cls(
            lambda place: Snapshot(get(handle, place), owner),
            range(lib.atlas_snapshot_list_count(handle)),
            None if total_count == ABSENT else total_count,
        )

    @classmethod
    def parse(cls, json: Union[str, bytes, bytearray, memoryview]) -> SnapshotList:
        """Reads a page of a list that was kept, plain or enveloped: an object with an array "results".

        Raises InvalidResponseError if it is none (the message says where and what), and the error that it would be from
        the server if it is one.
        """
        return cls._of(_parse(lib.atlas_snapshot_list_parse, json))

    def newest(
        self,
        *,
        status: Union[Status, str, None] = None,
        frequency_type: Union[FrequencyType, str, None] = None,
        snapshot_type: Union[SnapshotType, str, None] = None,
    ) -> Optional[Snapshot]:
        """The latest by `created_at` of those with these values, which may be text in any case; None if there is none.

        Those without a date that can be read are older than all that have one. Of several at the same time, or without
        a date, it is the one with the greatest id, whose first eight digits are a time; one without an id comes last.

        >>> snapshots = client.list_snapshots("32b6e34b3d91647abb20e7b8", "Cluster0")
        >>> snapshots.newest(status=Status.COMPLETED)
        <Snapshot 00000000000000000000d001 completed>
        >>> print(snapshots.newest(status="failed"))
        None
        """
        part = self.filter(status=status, frequency_type=frequency_type, snapshot_type=snapshot_type)
        return max(part, key=_age, default=None)

    @property
    def total_count(self) -> Optional[int]:
        """How many there are by Atlas' own estimate, which may differ from the length; None, as often, if it gave none."""
        return self._total_count

    def __len__(self) -> int:
        return len(self._places)

    @overload
    def __getitem__(self, index: int) -> Snapshot: ...
    @overload
    def __getitem__(self, index: slice) -> SnapshotList: ...
    def __getitem__(self, index: Union[int, slice]) -> Union[Snapshot, SnapshotList]:
        if isinstance(index, slice):
            return type(self)(self._at, self._places[index], self._total_count)
        try:
            place = self._places[index]
        except IndexError:
            raise IndexError(f"there are {len(self)} snapshots in this list, and none at {index}") from None
        return self._at(place)

    def __iter__(self) -> Iterator[Snapshot]:
        return map(self._at, self._places)

    def newest_first(self) -> SnapshotList:
        """The same snapshots, the latest by `created_at` first; ``[::-1]`` of that has the oldest first.

        In the order of `newest`: those without a readable date come last, and they and those of one date are ordered by
        id, whose first eight digits are a time.

        >>> snapshots = client.list_snapshots("32b6e34b3d91647abb20e7b8", "Cluster0")
        >>> [snapshot.id for snapshot in snapshots.newest_first()]
        ['00000000000000000000d001', '5f4007f327a3bd7b6f4103c5']
        """
        places = sorted(self._places, key=lambda place: _age(self._at(place)), reverse=True)
        return type(self)(self._at, places, self._total_count)

    def filter(
        self,
        *,
        status: Union[Status, str, None] = None,
        frequency_type: Union[FrequencyType, str, None] = None,
        snapshot_type: Union[SnapshotType, str, None] = None,
        since: Union[datetime, timedelta, None] = None,
    ) -> SnapshotList:
        """Those of the snapshots that are as asked, in the same order.

        `status`, `frequency_type` and `snapshot_type` are members of the enumerations or their texts, in upper or lower
        case. `since` is an aware datetime, or a timedelta for so long ago: what was made before is left out. A snapshot
        without a readable date counts from the time in its id, so that those queued or failed are not lost; without an
        id, too, it is left out. None leaves out nothing.

        >>> snapshots = client.list_snapshots("32b6e34b3d91647abb20e7b8", "Cluster0")
        >>> snapshots.filter(status=Status.COMPLETED, snapshot_type="scheduled")
        <SnapshotList of 1 snapshot>
        >>> len(snapshots.filter(since=datetime(2026, 1, 1, tzinfo=timezone.utc)))
        1
        """
        texts = {}
        for name, value in (("status", status), ("frequency_type", frequency_type), ("snapshot_type", snapshot_type)):
            if isinstance(value, str):
                texts[f"{name}_text"] = value.lower()
            elif value is not None:
                raise TypeError(f"{name} must be str, not {type(value).__name__}")
        if isinstance(since, timedelta):
            since = datetime.now(timezone.utc) - since
        elif not (since is None or isinstance(since, datetime)):
            raise TypeError(f"since must be a datetime or a timedelta, not {type(since).__name__}")
        elif since is not None and since.utcoffset() is None:
            raise ValueError(f"since is {since}, without a time zone: give it one, timezone.utc say")

        def fits(place: int) -> bool:
            snapshot = self._at(place)
            if since is not None and (snapshot.created_at or _time_in(snapshot.id)) < since:
                return False
            values = ((getattr(snapshot, name), text) for name, text in texts.items())
            return all(value is not None and value.lower() == text for value, text in values)

        return type(self)(self._at, list(filter(fits, self._places)), self._total_count)

    def __repr__(self) -> str:
        return f"<SnapshotList of {len(self)} snapshot{'' if len(self) == 1 else 's'}>"

    def __reduce__(self) -> Tuple[Any, ...]:
        return _restore_list, (tuple(self), self._total_count)


def _age(snapshot: Snapshot) -> Tuple[int, bool, str]:
    """Which of two snapshots is older. No date is less than any, and no id less than an empty one."""
    milliseconds: int = getattr(snapshot._struct or snapshot._read(), "created_at_ms")
    id = snapshot.id
    return milliseconds, id is not None, id or ""


def _restore_list(snapshots: Tuple[Snapshot, ...], total_count: Optional[int]) -> SnapshotList:
    """A pickled list again."""
    return SnapshotList(snapshots.__getitem__, range(len(snapshots)), total_count)
