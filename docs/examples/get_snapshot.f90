! SPDX-License-Identifier: Apache-2.0
module atlas_backup
    use, intrinsic :: iso_c_binding
    implicit none

    integer(c_int64_t), parameter :: absent = -huge(0_c_int64_t) - 1

    type, bind(c) :: atlas_error
        integer(c_int32_t) :: kind, http_status, retry_after, flags
        character(kind=c_char) :: code(96), reason(64), detail(768), parameters(256), message(768)
        integer(c_int8_t) :: reserved(80)
    end type

    ! The beginning of the struct: the library fills as many bytes as it is told.
    type, bind(c) :: atlas_snapshot_fields
        type(c_ptr) :: id, cloud_provider, config_server_type, created_at, description, expires_at, frequency_type, &
            master_key_uuid, mongod_version, replica_set_name, snapshot_type, status, type
        integer(c_int64_t) :: storage_size_bytes
    end type

    ! A handle is a c_ptr, and so is text that the library returns.
    interface
        function atlas_backup_runtime_version() bind(c) result(version)
            import c_int32_t
            integer(c_int32_t) :: version
        end function
        function atlas_error_size() bind(c) result(bytes)
            import c_size_t
            integer(c_size_t) :: bytes
        end function
        function atlas_config_from_env() bind(c) result(config)
            import c_ptr
            type(c_ptr) :: config
        end function
        subroutine atlas_config_free(config) bind(c)
            import c_ptr
            type(c_ptr), value :: config
        end subroutine
        function atlas_client_new(config, error) bind(c) result(client)
            import c_ptr, atlas_error
            type(c_ptr), value :: config
            type(atlas_error), intent(out) :: error
            type(c_ptr) :: client
        end function
        subroutine atlas_client_free(client) bind(c)
            import c_ptr
            type(c_ptr), value :: client
        end subroutine
        function atlas_client_get_snapshot(client, project, cluster, id, flags, error) bind(c) result(snapshot)
            import c_ptr, c_char, c_int32_t, atlas_error
            type(c_ptr), value :: client
            character(kind=c_char), intent(in) :: project(*), cluster(*), id(*)
            integer(c_int32_t), value :: flags
            type(atlas_error), intent(out) :: error
            type(c_ptr) :: snapshot
        end function
        function atlas_snapshot_read_fields(snapshot, fields, bytes) bind(c) result(known)
            import c_ptr, c_size_t, atlas_snapshot_fields
            type(c_ptr), value :: snapshot
            type(atlas_snapshot_fields), intent(out) :: fields
            integer(c_size_t), value :: bytes
            integer(c_size_t) :: known
        end function
        subroutine atlas_snapshot_free(snapshot) bind(c)
            import c_ptr
            type(c_ptr), value :: snapshot
        end subroutine
        function strlen(text) bind(c) result(length)
            import c_ptr, c_size_t
            type(c_ptr), value :: text
            integer(c_size_t) :: length
        end function
    end interface

contains

    ! What Atlas did not send is a hyphen. A description may not steer the terminal: control characters (two bytes from
    ! U+0080 on) become blanks.
    function shown(text) result(line)
        type(c_ptr), intent(in) :: text
        character(:), allocatable :: line
        character(kind=c_char), pointer :: bytes(:)
        integer :: i

        if (.not. c_associated(text)) then
            line = '-'
            return
        end if
        call c_f_pointer(text, bytes, [strlen(text)])
        allocate (character(size(bytes)) :: line)
        do i = 1, size(bytes)
            line(i:i) = bytes(i)
            if (iachar(bytes(i)) < 32 .or. iachar(bytes(i)) == 127) line(i:i) = ' '
            if (i == 1) cycle
            if (iachar(line(i - 1:i - 1)) == 194 .and. iachar(bytes(i)) < 160) line(i - 1:i) = '  '
        end do
    end function

    function argument(number) result(text)
        integer, intent(in) :: number
        character(:), allocatable :: text
        integer :: length

        call get_command_argument(number, length=length)
        allocate (character(length) :: text)
        call get_command_argument(number, text)
        text = text // c_null_char
    end function

end module

program get_snapshot
    use, intrinsic :: iso_fortran_env, only: error_unit
    use atlas_backup
    implicit none

    type(atlas_error), target :: error
    type(atlas_snapshot_fields) :: fields
    type(c_ptr) :: config, client, snapshot
    integer(c_size_t) :: known
    integer :: version

    version = atlas_backup_runtime_version()
    if (atlas_error_size() /= c_sizeof(error) .or. version < 2000 .or. version >= 1000000) then
        write (error_unit, '(a)') 'This program needs libatlas_backup 0.2 or a later 0.x'
        stop 1, quiet=.true.
    end if
    if (command_argument_count() /= 3) then
        write (error_unit, '(a)') 'usage: get_snapshot PROJECT CLUSTER SNAPSHOT'
        stop 2, quiet=.true.
    end if

    snapshot = c_null_ptr
    config = atlas_config_from_env()
    client = atlas_client_new(config, error)
    call atlas_config_free(config) ! the client has its own copy
    if (c_associated(client)) then
        snapshot = atlas_client_get_snapshot(client, argument(1), argument(2), argument(3), 0, error)
        call atlas_client_free(client) ! the snapshot does not need it any more
    end if
    if (.not. c_associated(snapshot)) then
        write (error_unit, '(a)') 'get_snapshot: ' // shown(c_loc(error%message))
        stop 10 + error%kind, quiet=.true.
    end if

    known = atlas_snapshot_read_fields(snapshot, fields, c_sizeof(fields))
    write (*, '(a)') 'status       ' // shown(fields%status)
    if (fields%storage_size_bytes == absent) then
        write (*, '(a)') 'size         -'
    else
        write (*, '(a, i0, a)') 'size         ', fields%storage_size_bytes, ' bytes'
    end if
    write (*, '(a)') 'created      ' // shown(fields%created_at)
    write (*, '(a)') 'description  ' // shown(fields%description)
    call atlas_snapshot_free(snapshot)
end program
