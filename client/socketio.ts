/** x */
export const socketio = 1
